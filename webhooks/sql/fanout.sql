-- One delivery for each event and each enabled endpoint of the same partner and mode whose wildcards match.
-- Right when it runs twice, or beside a replay of the same events: the unique (event_id, endpoint_id) lets the second
-- add nothing. An endpoint that is being disabled meanwhile keeps the row, which the sweep then counts as missed.
INSERT INTO webhooks_delivery
       (id, created_at, partner_id, livemode, endpoint_id, event_id, event_type, subject, seq, state, next_attempt_at)
SELECT webhooks_uuid7(), %(now)s, v.partner_id, v.livemode, e.id, v.id, v.event_type, v.aggregate_id, v.seq, 'pending', %(now)s
  FROM kernel_outbox_event v
  JOIN webhooks_endpoint e
    ON e.partner_id = v.partner_id AND e.livemode = v.livemode AND e.enabled
   AND v.event_type LIKE ANY (e.like_patterns)
   AND (%(endpoint)s::uuid IS NULL OR e.id = %(endpoint)s::uuid)
 WHERE v.id = ANY (%(events)s)
 ORDER BY v.seq
ON CONFLICT (event_id, endpoint_id) DO NOTHING
