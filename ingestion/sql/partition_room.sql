-- The months that stand, by their names; the row estimates are the planner's, and those of a month never analysed count as none.
-- The days run to the end of the last month of an unbroken row that begins with this one.
WITH months AS (
    SELECT c.relname, to_date(right(c.relname, 6), 'YYYYMM') AS month, c.reltuples
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'ingestion_payment'::regclass AND c.relname ~ '^ingestion_payment_[0-9]{6}$'
), ahead AS (
    SELECT month, month - make_interval(months => (row_number() OVER (ORDER BY month) - 1)::int) AS run
      FROM months WHERE month >= date_trunc('month', %(today)s::date)
)
SELECT (SELECT (max(month) + interval '1 month')::date - %(today)s::date FROM ahead WHERE run = date_trunc('month', %(today)s::date)),
       (SELECT count(*) FROM (SELECT 1 FROM ingestion_payment WHERE tableoid = 'ingestion_payment_default'::regclass LIMIT 10000) AS stray),
       largest.relname, greatest(largest.reltuples, 0)
  FROM (SELECT 1) AS one LEFT JOIN LATERAL (SELECT relname, reltuples FROM months ORDER BY reltuples DESC, relname LIMIT 1) AS largest ON true
