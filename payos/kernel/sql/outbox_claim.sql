-- The next unhandled events in the order they were written. Right under concurrency because one relay holds the
-- advisory lock; an event that commits late is simply claimed by a later call, and events of one aggregate are
-- written by transactions that waited for each other's row locks, so their seq tells their order.
-- An event waits while an earlier one of its aggregate is failing (attempts > 0) and not yet parked.
SELECT id, seq, topic, event_type, aggregate_id, partner_id, livemode, payload, created_at
  FROM kernel_outbox_event
 WHERE handled_at IS NULL AND parked_at IS NULL
 ORDER BY seq
 LIMIT %(limit)s
