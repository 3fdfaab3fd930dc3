-- The two sides, as temporary tables of this session: no other session can see or block them.
-- Amounts in minor units and `key` (a 64-bit hash of the reference without case; NULL without a reference) are
-- generated while the rows are copied in, so nothing is written twice. Everything dearer waits until level 1 has
-- taken out most rows.
CREATE TEMP TABLE {table} (
    rid int GENERATED ALWAYS AS IDENTITY (CACHE 1000),
    ext_id text COLLATE "C" NOT NULL,
    day date NOT NULL,
    {amount_columns},
    currency text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL DEFAULT '',
    counterparty text COLLATE "C" NOT NULL DEFAULT '',
    description text COLLATE "C" NOT NULL DEFAULT '',
    type text COLLATE "C" NOT NULL DEFAULT '',
    batch_id text COLLATE "C" NOT NULL DEFAULT '',
    {fee_columns},
    key bigint GENERATED ALWAYS AS (hashtextextended(nullif(upper(reference), ''), 0)) STORED
);
