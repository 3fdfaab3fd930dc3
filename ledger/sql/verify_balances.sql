-- Accounts whose kept sums differ from the sums of their entries.
WITH kept AS (
    SELECT account_id, sum(debits_posted) AS dp, sum(credits_posted) AS cp, sum(debits_pending) AS dh, sum(credits_pending) AS ch
      FROM ledger_balance WHERE %(partner)s::uuid IS NULL OR partner_id = %(partner)s::uuid GROUP BY account_id
), summed AS (
    SELECT account_id,
           coalesce(sum(amount_minor) FILTER (WHERE layer = 0 AND amount_minor > 0), 0) AS dp,
           coalesce(-sum(amount_minor) FILTER (WHERE layer = 0 AND amount_minor < 0), 0) AS cp,
           coalesce(sum(amount_minor) FILTER (WHERE (layer = 1 AND amount_minor > 0) OR (layer = 2 AND amount_minor < 0)), 0) AS dh,
           -coalesce(sum(amount_minor) FILTER (WHERE (layer = 1 AND amount_minor < 0) OR (layer = 2 AND amount_minor > 0)), 0) AS ch
      FROM ledger_entry WHERE %(partner)s::uuid IS NULL OR partner_id = %(partner)s::uuid GROUP BY account_id
)
SELECT coalesce(k.account_id, s.account_id), a.code, a.currency,
       concat_ws('/', coalesce(k.dp, 0), coalesce(k.cp, 0), coalesce(k.dh, 0), coalesce(k.ch, 0)),
       concat_ws('/', coalesce(s.dp, 0), coalesce(s.cp, 0), coalesce(s.dh, 0), coalesce(s.ch, 0))
  FROM kept k FULL JOIN summed s ON s.account_id = k.account_id
  LEFT JOIN ledger_account a ON a.id = coalesce(k.account_id, s.account_id)
 WHERE (coalesce(k.dp, 0), coalesce(k.cp, 0), coalesce(k.dh, 0), coalesce(k.ch, 0))
       <> (coalesce(s.dp, 0), coalesce(s.cp, 0), coalesce(s.dh, 0), coalesce(s.ch, 0))
    OR a.id IS NULL
