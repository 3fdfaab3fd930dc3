-- Where a run leaves its results, beside recon_pair of exact.sql: groups with their items, and what is left.
CREATE TEMP TABLE recon_group (
    match_no int NOT NULL,
    level smallint NOT NULL DEFAULT 4,
    method text NOT NULL,
    confidence smallint NOT NULL,
    difference_minor bigint NOT NULL DEFAULT 0,
    fee_minor bigint,
    evidence jsonb NOT NULL
);
-- With their ids, so that whoever writes them out need not look for them in whole files.
CREATE TEMP TABLE recon_group_item (match_no int NOT NULL, side "char" NOT NULL, rid int NOT NULL, ext_id text COLLATE "C" NOT NULL);
CREATE TEMP TABLE recon_suggestion (
    no int GENERATED ALWAYS AS IDENTITY,
    internal int[] NOT NULL,
    external int[] NOT NULL,
    confidence smallint NOT NULL,
    reason jsonb NOT NULL
);
CREATE TEMP TABLE recon_discrepancy (
    no int GENERATED ALWAYS AS IDENTITY,
    type text NOT NULL,
    internal int[] NOT NULL,
    external int[] NOT NULL,
    expected_minor bigint,
    actual_minor bigint,
    reason jsonb NOT NULL DEFAULT '{}'
);
-- References that stand more than once on a side, by their hash.
CREATE TEMP TABLE recon_repeated (key bigint NOT NULL);
-- What texts name of the other side's references; see tokens.sql.
CREATE TEMP TABLE recon_token (side "char" NOT NULL, rid int NOT NULL, token text COLLATE "C" NOT NULL);
-- See like.sql.
CREATE TEMP TABLE recon_like (
    side "char" NOT NULL,
    rid int NOT NULL,
    day date NOT NULL,
    currency text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    counterparty text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL
);
-- Rows that look like another of their own side: (side, the row, the row that counts).
CREATE TEMP TABLE recon_duplicate (side "char" NOT NULL, rid int NOT NULL, twin int);
CREATE TEMP TABLE recon_label (match_no int NOT NULL, label text NOT NULL);
CREATE TEMP TABLE recon_ignored (side "char" NOT NULL, rid int NOT NULL, rule text NOT NULL, reason text NOT NULL);
-- References with one counterpart each, evidence by kind; see keys.sql and fuzzy.sql.
CREATE TEMP TABLE recon_candidate (
    i int NOT NULL,
    e int NOT NULL,
    kind smallint NOT NULL,
    amount_kind smallint NOT NULL,
    days smallint NOT NULL,
    difference_minor bigint NOT NULL,
    fee_minor bigint,
    rank smallint NOT NULL,
    score smallint
);
