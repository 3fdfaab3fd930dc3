-- Rows of a whole file, matched or not, with the amount of a row that level 3 may confirm: where its rivals are sought.
-- Read once, before the first pair is confirmed; later rounds only ask for fewer of them.
INSERT INTO recon_like
SELECT '{upper}', x.rid, x.day, x.currency, x.amount_minor, upper(x.counterparty), x.reference, x.counterparty, x.description, x.type
FROM recon_{side} x
JOIN (SELECT DISTINCT o.currency, o.amount_minor FROM recon_candidate c JOIN recon_open_{letter} o ON o.rid = c.{letter}
      WHERE c.kind = 6 AND c.score >= {confirm_score}) w
  ON w.currency = x.currency AND w.amount_minor = x.amount_minor;
