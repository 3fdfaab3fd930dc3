-- The events of transfers that were accepted together: a key, a transfer and a line of JSON each, in this order, which the
-- sequence of the outbox keeps. Only adds rows of the caller's own transaction, so nobody else can be in its way.
INSERT INTO kernel_outbox_event (id, topic, event_type, aggregate_id, partner_id, livemode, payload, created_at)
SELECT n.id, %(topic)s::text, 'transfer.accepted', 'transfer:' || n.transfer_id, %(partner)s::uuid, %(livemode)s::boolean,
       n.payload::jsonb, %(now)s::timestamptz
  FROM ROWS FROM (unnest(%(ids)s::uuid[]), unnest(%(transfers)s::uuid[]), string_to_table(%(payloads)s::text, E'\n'))
       WITH ORDINALITY AS n (id, transfer_id, payload, place)
 ORDER BY n.place
