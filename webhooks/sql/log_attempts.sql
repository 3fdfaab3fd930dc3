INSERT INTO webhooks_attempt
       (id, created_at, partner_id, livemode, delivery_id, endpoint_id, event_id, event_type, number, succeeded, url, address,
        request_headers, status, response_headers, response_body, error_code, error, latency_ms)
SELECT id, created_at, partner_id, livemode, delivery_id, endpoint_id, event_id, event_type, number, succeeded, url, address,
       request_headers, status, response_headers, response_body, error_code, error, latency_ms
  FROM jsonb_to_recordset(%(rows)s) AS r
       (id uuid, created_at timestamptz, partner_id uuid, livemode boolean, delivery_id uuid, endpoint_id uuid, event_id uuid,
        event_type text, number int, succeeded boolean, url text, address text, request_headers jsonb, status int,
        response_headers jsonb, response_body text, error_code text, error text, latency_ms int)
