-- Payments: the table is partitioned by month on its id alone. A payment's id is a UUIDv7 whose time part is the
-- payment date, so a look-up by id reaches exactly one partition and the key stays one column.

CREATE TABLE ingestion_payment (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    partner_id uuid NOT NULL,
    livemode boolean NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT ingestion_payment_positive CHECK (amount_minor > 0),
    payment_date timestamptz NOT NULL,
    released_at timestamptz,
    branch_id uuid,
    hold_days smallint NOT NULL DEFAULT 0,
    currency varchar(4) NOT NULL,
    state varchar(50) NOT NULL,
    payment_channel varchar(40) NOT NULL,
    source varchar(60) NOT NULL,
    reference_number varchar(120) NOT NULL,
    loan_account_number varchar(64) NOT NULL DEFAULT '',
    cif varchar(64) NOT NULL DEFAULT '',
    reversal_reason varchar(200) NOT NULL DEFAULT '',
    payer jsonb,
    metadata jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX ingestion_payment_partner ON ingestion_payment (partner_id, livemode, id);
CREATE INDEX ingestion_payment_loan ON ingestion_payment (loan_account_number) WHERE loan_account_number <> '';
CREATE INDEX ingestion_payment_held ON ingestion_payment (payment_date) WHERE hold_days > 0 AND released_at IS NULL;
CREATE TABLE ingestion_payment_default PARTITION OF ingestion_payment DEFAULT;

-- The smallest id of an instant, and a fresh id of one.
CREATE FUNCTION ingestion_id_floor(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
CREATE FUNCTION ingestion_payment_id(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_byte(overlay(uuid_send(gen_random_uuid())
                                   PLACING substring(int8send((extract(epoch FROM at) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
                           6, 112 + (random() * 15.99)::int % 16), 'hex')::uuid
$$;
CREATE FUNCTION ingestion_content(amount_minor bigint, currency text, loan text, cif text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT md5(amount_minor || '|' || currency || '|' || loan || '|' || cif)::uuid
$$;

-- The partition of one month (given its first day); does nothing where it stands. Runs with the owner's rights so that
-- the clock, working as the application, can make it; its name comes from a date alone.
CREATE FUNCTION ingestion_make_partition(month date) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
    next timestamptz := (date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    name text := 'ingestion_payment_' || to_char(month, 'YYYYMM');
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('CREATE TABLE %I PARTITION OF ingestion_payment FOR VALUES FROM (%L) TO (%L)',
                   name, ingestion_id_floor(first), ingestion_id_floor(next));
    RETURN name;
END $$;

CREATE FUNCTION ingestion_detach_partition(month date) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE name text := 'ingestion_payment_' || to_char(month, 'YYYYMM');
BEGIN
    IF to_regclass(name) IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('ALTER TABLE ingestion_payment DETACH PARTITION %I', name);
    EXECUTE format('ALTER TABLE %I RENAME TO %I', name, 'archived_' || name);
    RETURN 'archived_' || name;
END $$;

SELECT ingestion_make_partition((date_trunc('month', now()) + make_interval(months => n))::date) FROM generate_series(-24, 3) AS n;
