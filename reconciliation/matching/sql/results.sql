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
CREATE TEMP TABLE recon_group_item (match_no int NOT NULL, side "char" NOT NULL, rid int NOT NULL);
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
