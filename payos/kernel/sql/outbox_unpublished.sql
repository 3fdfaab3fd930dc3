-- What subscribers have seen and sinks have not.
SELECT id, seq, topic, event_type, aggregate_id, partner_id, livemode, payload, created_at
  FROM kernel_outbox_event
 WHERE published_at IS NULL AND parked_at IS NULL AND handled_at IS NOT NULL
 ORDER BY seq
 LIMIT %(limit)s
