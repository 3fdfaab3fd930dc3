-- The two sides, as temporary tables of this session: no other session can see or block them.
-- Amounts in minor units and `key` (a 64-bit hash of the reference without case; NULL without a reference) are
-- generated while the rows are copied in, so nothing is written twice. Everything dearer waits until level 1 has
-- taken out most rows. What every level reads stands first and at fixed places, the texts of the file last: Postgres
-- takes a row apart from its left end, and whole sides are read many times.
CREATE TEMP TABLE {table} (
    rid int GENERATED ALWAYS AS IDENTITY (CACHE 1000),
    day date NOT NULL,
    {amount_minor},
    key bigint GENERATED ALWAYS AS (hashtextextended(nullif(upper(reference), ''), 0)) STORED,
    {fee_minor},
    currency text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL DEFAULT '',
    ext_id text COLLATE "C" NOT NULL,
    batch_id text COLLATE "C" NOT NULL DEFAULT '',
    type text COLLATE "C" NOT NULL DEFAULT '',
    counterparty text COLLATE "C" NOT NULL DEFAULT '',
    description text COLLATE "C" NOT NULL DEFAULT ''{as_told}
) WITH (autovacuum_enabled = off);
