-- Take the next transfers of a rail and mark them as submitted: from here on they may have been sent.
-- SKIP LOCKED lets workers share the queue; the ORDER BY runs on the partial index of what is ready to send.
-- A transfer that certainly was not sent keeps its number, so that its reference stays the same.
WITH picked AS (
    SELECT id FROM settlement_transfer
     WHERE rail_id = %(rail)s AND state = 'queued' AND settlement_batch_id IS NOT NULL AND next_attempt_at <= %(now)s
     ORDER BY next_attempt_at, id
     LIMIT %(size)s
       FOR UPDATE SKIP LOCKED
)
UPDATE settlement_transfer t
   SET state = 'submitted', submitted_at = coalesce(t.submitted_at, %(now)s),
       attempts = CASE WHEN EXISTS (SELECT 1 FROM settlement_submission s
                                     WHERE s.transfer_id = t.id AND s.number = t.attempts AND s.outcome = 'not_sent')
                       THEN t.attempts ELSE t.attempts + 1 END
  FROM picked
 WHERE t.id = picked.id
RETURNING t.id, t.partner_id, t.livemode, t.amount_minor, t.currency, t.destination, t.description, t.attempts,
          t.settlement_batch_id, t.metadata
