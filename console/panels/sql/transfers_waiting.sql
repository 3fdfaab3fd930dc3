-- Transfers that wait for a window, by rail and currency, from the partial index of the queue; bounded.
SELECT rail_id, currency, count(*), sum(amount_minor)
FROM (
    SELECT rail_id, currency, amount_minor
    FROM settlement_transfer
    WHERE state = 'queued' AND settlement_batch_id IS NULL
    LIMIT %(limit)s
) AS waiting
GROUP BY rail_id, currency
ORDER BY rail_id, currency
