-- Take the entries of freshly sealed transactions into the checkpoints, one axis at a time ({time} is its column).
-- Only the sealer runs this, under its lock. A backdated entry corrects every checkpoint at or after its instant.
UPDATE ledger_checkpoint c
   SET posted_minor = c.posted_minor + d.posted, debits_pending = c.debits_pending + d.debits, credits_pending = c.credits_pending + d.credits
  FROM (SELECT k.account_id, k.at,
               coalesce(sum(e.amount_minor) FILTER (WHERE e.layer = 0), 0) AS posted,
               coalesce(sum(e.amount_minor) FILTER (WHERE (e.layer = 1 AND e.amount_minor > 0) OR (e.layer = 2 AND e.amount_minor < 0)), 0) AS debits,
               -coalesce(sum(e.amount_minor) FILTER (WHERE (e.layer = 1 AND e.amount_minor < 0) OR (e.layer = 2 AND e.amount_minor > 0)), 0) AS credits
          FROM (SELECT account_id, min({time}) AS first FROM ledger_entry WHERE transaction_id = ANY(%(ids)s) GROUP BY account_id) AS s
          JOIN ledger_checkpoint k ON k.account_id = s.account_id AND k.axis = '{axis}' AND k.at >= s.first
          JOIN ledger_entry e ON e.account_id = k.account_id AND e.transaction_id = ANY(%(ids)s) AND e.{time} <= k.at
         GROUP BY k.account_id, k.at) AS d
 WHERE c.account_id = d.account_id AND c.axis = '{axis}' AND c.at = d.at
