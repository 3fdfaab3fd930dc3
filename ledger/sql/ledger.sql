-- The laws of the ledger, kept by Postgres for every writer, bulk SQL included.
--
-- Everything is checked per statement over transition tables: a batch of a thousand transactions is checked once.
-- The trigger functions run with the owner's rights: the application role may add transactions and entries and
-- nothing else; balances and holds move only as a consequence. Right under concurrency:
--   * balances: additive upserts in account order, so two writers wait for each other but never deadlock, and a
--     limit is a CHECK on the one row that holds the whole balance;
--   * closing a period or an account takes the book's advisory lock exclusively, every posting takes it shared, so a
--     posting either sees the closure or is seen by it;
--   * entries can only be added by the database transaction that made their ledger transaction (its xid says so).

ALTER TABLE ledger_transaction ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX ledger_transaction_order ON ledger_transaction (xid, id);
ALTER TABLE ledger_balance SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE ledger_hold SET (fillfactor = 70);
ALTER TABLE ledger_entry ALTER COLUMN partner_id DROP NOT NULL;

-- A new account has its balance row from the start, so that a limit has something to hold on to.
CREATE FUNCTION ledger_account_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO ledger_balance (account_id, slot, partner_id, livemode, debits_posted, credits_posted,
                                debits_pending, credits_pending, limit_side)
    SELECT id, 0, partner_id, livemode, 0, 0, 0, 0,
           CASE WHEN NOT no_overdraft THEN 0 WHEN kind IN ('asset', 'expense') THEN 1 ELSE -1 END
      FROM added;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_account_added AFTER INSERT ON ledger_account
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_account_added();

-- Where periods of one book are looked for: the partner may be null, which no plain index on it would find.
CREATE INDEX ledger_period_book ON ledger_period (ledger_book(partner_id, livemode), ends_at) WHERE closed_at IS NOT NULL;

CREATE TRIGGER ledger_transaction_added AFTER INSERT ON ledger_transaction
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_transaction_added();

CREATE TRIGGER ledger_entry_added AFTER INSERT ON ledger_entry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_added();

CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused. Post a reversing transaction instead.', TG_TABLE_NAME, TG_OP
          USING ERRCODE = 'LP006';
END $$;
CREATE TRIGGER ledger_transaction_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transaction
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_seal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_seal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

INSERT INTO ledger_sealmark (id, xid) VALUES (1, '0');
COMMENT ON TABLE ledger_sealmark IS 'reference: one row, moved by the sealer';
