-- The transfers that a closing takes, per partner, mode and currency. Locked in key order; only one caller comes here for
-- a window (its unique row), and a transfer that is being cancelled makes this wait and then no longer qualifies.
-- A rule without a partner leaves alone those partners that have a rule of their own for the rail.
SELECT partner_id, livemode, currency, array_agg(id ORDER BY id), sum(amount_minor)::bigint
  FROM (SELECT t.id, t.partner_id, t.livemode, t.currency, t.amount_minor
          FROM settlement_transfer t
         WHERE t.rail_id = %(rail)s AND t.state = 'queued' AND t.settlement_batch_id IS NULL
           AND (t.window_at <= %(closes_at)s OR t.id = ANY(%(only)s::uuid[]))
           AND (%(only)s::uuid[] IS NULL OR t.id = ANY(%(only)s::uuid[]))
           AND (t.partner_id = %(partner)s::uuid
                OR (%(partner)s::uuid IS NULL AND NOT EXISTS (
                    SELECT 1 FROM settlement_windowrule r
                     WHERE r.rail_id = t.rail_id AND r.partner_id = t.partner_id AND r.active)))
         ORDER BY t.id
           FOR UPDATE OF t) AS due
 GROUP BY partner_id, livemode, currency
 ORDER BY partner_id, livemode, currency
