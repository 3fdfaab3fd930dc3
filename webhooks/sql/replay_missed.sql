-- Deliveries of events that this endpoint wants and never was owed: it was switched off, or asked for other types then.
INSERT INTO webhooks_delivery
       (id, created_at, partner_id, livemode, endpoint_id, event_id, event_type, subject, seq, state, next_attempt_at)
SELECT webhooks_uuid7(), %(now)s, v.partner_id, v.livemode, e.id, v.id, v.event_type, v.aggregate_id, v.seq, 'pending', %(now)s
  FROM webhooks_endpoint e
  JOIN kernel_outbox_event v
    ON v.partner_id = e.partner_id AND v.livemode = e.livemode
   AND v.id >= %(since)s AND v.id < %(until)s
   AND v.event_type = ANY (%(types)s) AND v.event_type LIKE ANY (e.like_patterns)
   AND v.handled_at IS NOT NULL
 WHERE e.id = %(endpoint)s
   AND NOT EXISTS (SELECT 1 FROM webhooks_delivery d WHERE d.event_id = v.id AND d.endpoint_id = e.id)
 ORDER BY v.id
 LIMIT %(limit)s
ON CONFLICT (event_id, endpoint_id) DO NOTHING
