-- New checkpoints for accounts that gathered enough sealed entries after their last one: one at every %(every)s-th
-- entry's instant. Entries not yet sealed are left out: they are the tail, counted apart until they are sealed.
INSERT INTO ledger_checkpoint (account_id, axis, at, partner_id, posted_minor, debits_pending, credits_pending)
SELECT account_id, '{axis}', at, partner_id, posted, debits, credits
  FROM (
    SELECT e.account_id, e.partner_id, e.at, e.n,
           base.posted_minor + sum(e.posted) OVER w AS posted, base.debits_pending + sum(e.debits) OVER w AS debits,
           base.credits_pending + sum(e.credits) OVER w AS credits,
           sum(e.n) OVER w / %(every)s AS bucket,
           coalesce((sum(e.n) OVER w - e.n) / %(every)s, 0) AS bucket_before
      FROM (SELECT a.account_id, en.partner_id, en.{time} AS at, count(*) AS n,
                   coalesce(sum(en.amount_minor) FILTER (WHERE en.layer = 0), 0) AS posted,
                   coalesce(sum(en.amount_minor) FILTER (WHERE (en.layer = 1 AND en.amount_minor > 0) OR (en.layer = 2 AND en.amount_minor < 0)), 0) AS debits,
                   -coalesce(sum(en.amount_minor) FILTER (WHERE (en.layer = 1 AND en.amount_minor < 0) OR (en.layer = 2 AND en.amount_minor > 0)), 0) AS credits
              FROM unnest(%(accounts)s::uuid[]) AS a (account_id)
              JOIN ledger_entry en ON en.account_id = a.account_id
               AND en.{time} > coalesce((SELECT max(k.at) FROM ledger_checkpoint k WHERE k.account_id = a.account_id AND k.axis = '{axis}'), '-infinity')
              JOIN ledger_transaction t ON t.id = en.transaction_id
             WHERE (t.xid, t.id) <= (%(xid)s::xid8, %(id)s::uuid)
             GROUP BY a.account_id, en.partner_id, en.{time}) AS e
      LEFT JOIN LATERAL (SELECT posted_minor, debits_pending, credits_pending FROM ledger_checkpoint k
                          WHERE k.account_id = e.account_id AND k.axis = '{axis}' ORDER BY at DESC LIMIT 1) AS last ON true
      CROSS JOIN LATERAL (SELECT coalesce(last.posted_minor, 0) AS posted_minor, coalesce(last.debits_pending, 0) AS debits_pending,
                                 coalesce(last.credits_pending, 0) AS credits_pending) AS base
    WINDOW w AS (PARTITION BY e.account_id ORDER BY e.at)
  ) AS numbered
 WHERE bucket > bucket_before
