-- The next unhandled events in the order they were written. Right under concurrency because one relay holds the
-- advisory lock; an event that commits late is simply claimed by a later call, and events of one aggregate are
-- written by transactions that waited for each other's row locks, so their seq tells their order.
-- A failed event waits for its retry, and what follows it in its aggregate waits with it; without a time nothing waits.
SELECT e.id, e.seq, e.topic, e.event_type, e.aggregate_id, e.partner_id, e.livemode, e.payload, e.created_at
  FROM kernel_outbox_event AS e
 WHERE e.handled_at IS NULL AND e.parked_at IS NULL
   AND (%(now)s::timestamptz IS NULL
        OR NOT EXISTS (SELECT 1 FROM kernel_outbox_event AS w
                        WHERE w.aggregate_id = e.aggregate_id AND w.seq <= e.seq
                          AND w.handled_at IS NULL AND w.parked_at IS NULL
                          AND w.retry_at IS NOT NULL AND w.retry_at > %(now)s::timestamptz))
 ORDER BY e.seq
 LIMIT %(limit)s
