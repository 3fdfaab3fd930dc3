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

CREATE FUNCTION ledger_book(partner uuid, live boolean) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT hashtextextended(coalesce(partner::text, 'platform') || live::text, 4711)
$$;

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

-- Lookups below stand in LATERAL ... LIMIT 1: a plan is kept for the session, and one made for a batch of thousands
-- would scan whole tables for the single postings that follow it.
CREATE FUNCTION ledger_transaction_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE bad uuid;
BEGIN
    -- Transaction and entries arrive in one statement, whose triggers fire at its end and see both.
    SELECT a.id INTO bad FROM added a
     WHERE (SELECT e.line FROM public.ledger_entry e WHERE e.transaction_id = a.id LIMIT 1) IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % has no entries', bad USING ERRCODE = 'LP001';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_transaction_added AFTER INSERT ON ledger_transaction
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_transaction_added();

CREATE FUNCTION ledger_entry_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE book record; bad record; held boolean := false;
BEGIN
    -- First the locks, then (in statements that see what the locks waited for) the checks.
    FOR book IN SELECT partner_id, livemode, bool_or(layer > 0) AS held FROM added GROUP BY partner_id, livemode ORDER BY 1, 2 LOOP
        PERFORM pg_advisory_xact_lock_shared(public.ledger_book(book.partner_id, book.livemode));
        held := held OR book.held;
        SELECT starts_at, ends_at, effective_at INTO bad
          FROM public.ledger_period, (SELECT min(effective_at) AS first FROM added) AS oldest, added
         WHERE public.ledger_book(ledger_period.partner_id, ledger_period.livemode) = public.ledger_book(book.partner_id, book.livemode)
           AND ends_at > oldest.first AND closed_at IS NOT NULL
           AND ledger_period.partner_id IS NOT DISTINCT FROM book.partner_id AND ledger_period.livemode = book.livemode
           AND added.partner_id IS NOT DISTINCT FROM book.partner_id AND added.livemode = book.livemode
           AND effective_at >= starts_at AND effective_at < ends_at LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'the period from % to % is closed: nothing effective at % can be posted',
                  bad.starts_at, bad.ends_at, bad.effective_at USING ERRCODE = 'LP003';
        END IF;
    END LOOP;

    SELECT n.transaction_id, n.account_id, n.line,
           CASE WHEN t.xid IS NULL THEN 'there is no such transaction'
                WHEN t.xid <> pg_current_xact_id() THEN 'the transaction is complete: entries cannot be added to it'
                WHEN t.partner_id IS DISTINCT FROM n.partner_id OR t.livemode <> n.livemode
                  OR t.effective_at <> n.effective_at OR t.recorded_at <> n.recorded_at
                  THEN 'entry and transaction differ in partner, mode or time'
                WHEN a.currency IS NULL OR a.partner_id IS DISTINCT FROM n.partner_id OR a.livemode <> n.livemode
                  THEN 'the partner has no such account in this mode'
                WHEN a.closed_at IS NOT NULL THEN 'the account is closed'
                ELSE 'the account is kept in ' || a.currency || ', not in ' || n.currency END AS why
      INTO bad
      FROM added n
      LEFT JOIN LATERAL (SELECT * FROM public.ledger_account x WHERE x.id = n.account_id LIMIT 1) AS a ON true
      LEFT JOIN LATERAL (SELECT * FROM public.ledger_transaction x WHERE x.id = n.transaction_id LIMIT 1) AS t ON true
     WHERE t.xid IS NULL OR t.xid <> pg_current_xact_id()
        OR t.partner_id IS DISTINCT FROM n.partner_id OR t.livemode <> n.livemode
        OR t.effective_at <> n.effective_at OR t.recorded_at <> n.recorded_at
        OR a.currency IS NULL OR a.partner_id IS DISTINCT FROM n.partner_id OR a.livemode <> n.livemode
        OR a.closed_at IS NOT NULL OR a.currency <> n.currency
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % of transaction % on account %: %', bad.line, bad.transaction_id, bad.account_id, bad.why
              USING ERRCODE = 'LP002';
    END IF;

    SELECT transaction_id, currency, sum(amount_minor) AS off INTO bad
      FROM added GROUP BY transaction_id, currency, layer > 0 HAVING sum(amount_minor) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % does not balance: % is off by % minor units', bad.transaction_id, bad.currency, bad.off
              USING ERRCODE = 'LP001';
    END IF;

    -- The proposed row carries no limit (a CHECK looks at it before the conflict is found); the kept row does.
    INSERT INTO public.ledger_balance AS b (account_id, slot, partner_id, livemode, debits_posted, credits_posted,
                                            debits_pending, credits_pending, limit_side)
    SELECT account_id,
           (SELECT CASE WHEN a.slots > 1 THEN pg_backend_pid() % a.slots ELSE 0 END FROM public.ledger_account a WHERE a.id = account_id),
           partner_id, livemode,
           coalesce(sum(amount_minor) FILTER (WHERE layer = 0 AND amount_minor > 0), 0),
           coalesce(-sum(amount_minor) FILTER (WHERE layer = 0 AND amount_minor < 0), 0),
           -- A release carries the opposite sign of what it releases.
           coalesce(sum(amount_minor) FILTER (WHERE (layer = 1 AND amount_minor > 0) OR (layer = 2 AND amount_minor < 0)), 0),
           coalesce(-sum(amount_minor) FILTER (WHERE (layer = 1 AND amount_minor < 0) OR (layer = 2 AND amount_minor > 0)), 0),
           0
      FROM added GROUP BY account_id, partner_id, livemode
     ORDER BY account_id
    ON CONFLICT (account_id, slot) DO UPDATE
       SET debits_posted = b.debits_posted + excluded.debits_posted,
           credits_posted = b.credits_posted + excluded.credits_posted,
           debits_pending = b.debits_pending + excluded.debits_pending,
           credits_pending = b.credits_pending + excluded.credits_pending;

    IF held THEN
        PERFORM public.ledger_move_holds(ARRAY(SELECT DISTINCT transaction_id FROM added WHERE layer > 0));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_entry_added AFTER INSERT ON ledger_entry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_added();

-- New holds get their row; resolutions take from it. The CHECK on the row refuses to give back more than was held.
CREATE FUNCTION ledger_move_holds(ids uuid[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE bad record;
BEGIN
    INSERT INTO ledger_hold (transaction_id, partner_id, livemode, amount_minor, remaining_minor, expires_at)
    SELECT t.id, t.partner_id, t.livemode, sum(e.amount_minor), sum(e.amount_minor), t.hold_expires_at
      FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id AND e.layer = 1 AND e.amount_minor > 0
     WHERE t.id = ANY(ids) GROUP BY t.id;

    SELECT e.transaction_id, e.account_id INTO bad
      FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id AND e.layer = 2
     WHERE t.id = ANY(ids)
       AND NOT EXISTS (SELECT 1 FROM ledger_entry h
                        WHERE h.transaction_id = t.hold_id AND h.layer = 1 AND h.account_id = e.account_id
                          AND sign(h.amount_minor) = -sign(e.amount_minor)) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % releases on account % what its hold never took there', bad.transaction_id, bad.account_id
              USING ERRCODE = 'LP004';
    END IF;

    UPDATE ledger_hold h SET remaining_minor = h.remaining_minor - r.amount
      FROM (SELECT t.hold_id, sum(-e.amount_minor) AS amount
              FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id AND e.layer = 2 AND e.amount_minor < 0
             WHERE t.id = ANY(ids) GROUP BY t.hold_id ORDER BY t.hold_id) AS r
     WHERE h.transaction_id = r.hold_id;
END $$;
REVOKE ALL ON FUNCTION ledger_move_holds(uuid[]) FROM PUBLIC;

-- Post any number of transactions in one round trip. `scope` carries the tenant settings where the call is its own
-- database transaction. Returns only those whose external id was known already: `same` says whether their content is.
-- It runs with the owner's rights, which row-level security does not bind, and so asks first for whom the caller acts:
-- the same question as the tables' policies, once a call and not once a row. One transaction takes a shorter way.
CREATE FUNCTION ledger_post(
    scope text[], t_id uuid[], t_partner uuid[], t_livemode boolean[], t_kind text[], t_external text[],
    t_effective timestamptz[], t_recorded timestamptz, t_description text[], t_metadata text[], t_subject_type text[],
    t_subject_id text[], t_reverses uuid[], t_hold uuid[], t_hold_expires timestamptz[], t_fingerprint text[],
    e_transaction int[], e_line smallint[], e_account uuid[], e_amount bigint[], e_layer smallint[], on_conflict text
) RETURNS TABLE (ordinal int, existing uuid, same boolean) LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE made int; clash record; tenant uuid; mode text;
BEGIN
    IF scope IS NOT NULL THEN
        PERFORM set_config('payos.tenant', scope[1], true), set_config('payos.livemode', scope[2], true),
                set_config('payos.platform', scope[3], true), set_config('payos.actor', scope[4], true),
                set_config('payos.ip', scope[5], true), set_config('payos.request_id', scope[6], true),
                set_config('payos.reason', scope[7], true);
    END IF;
    IF current_setting('payos.platform', true) IS DISTINCT FROM 'on' THEN
        tenant := nullif(current_setting('payos.tenant', true), '');
        mode := nullif(current_setting('payos.livemode', true), '');
        IF tenant IS NULL OR array_remove(t_partner, tenant) <> '{}'
           OR (mode IS NOT NULL AND array_remove(t_livemode, mode::boolean) <> '{}') THEN
            RAISE EXCEPTION 'the current scope (tenant %, livemode %) may not post for this partner and mode: row-level security',
                  coalesce(tenant::text, 'none'), coalesce(mode, 'any') USING ERRCODE = '42501';
        END IF;
    END IF;
    IF cardinality(t_id) = 1 THEN
        WITH made_transaction AS (
            INSERT INTO public.ledger_transaction (id, partner_id, livemode, kind, external_id, effective_at, recorded_at, description,
                                                   metadata, subject_type, subject_id, reverses_id, hold_id, hold_expires_at, fingerprint)
            VALUES (t_id[1], t_partner[1], t_livemode[1], t_kind[1], t_external[1], t_effective[1], t_recorded, t_description[1],
                    t_metadata[1]::jsonb, t_subject_type[1], t_subject_id[1], t_reverses[1], t_hold[1], t_hold_expires[1],
                    t_fingerprint[1])
            ON CONFLICT (partner_id, livemode, external_id) WHERE external_id IS NOT NULL DO NOTHING
            RETURNING id, partner_id, livemode, effective_at
        ), made_entries AS (
            INSERT INTO public.ledger_entry (transaction_id, line, partner_id, livemode, account_id, currency, amount_minor, layer,
                                             effective_at, recorded_at)
            SELECT t.id, e.line, t.partner_id, t.livemode, e.account_id,
                   coalesce((SELECT a.currency FROM public.ledger_account a WHERE a.id = e.account_id), '?'), e.amount, e.layer,
                   t.effective_at, t_recorded
              FROM made_transaction t, unnest(e_line, e_account, e_amount, e_layer) AS e (line, account_id, amount, layer)
        )
        SELECT count(*) INTO made FROM made_transaction;
    ELSE
        WITH given AS (
            SELECT * FROM unnest(t_id, t_partner, t_livemode, t_kind, t_external, t_effective, t_description, t_metadata,
                                 t_subject_type, t_subject_id, t_reverses, t_hold, t_hold_expires, t_fingerprint)
                   AS g (id, partner_id, livemode, kind, external_id, effective_at, description, metadata,
                         subject_type, subject_id, reverses_id, hold_id, hold_expires_at, fingerprint)
        ), made_transactions AS (
            INSERT INTO public.ledger_transaction (id, partner_id, livemode, kind, external_id, effective_at, recorded_at, description,
                                                   metadata, subject_type, subject_id, reverses_id, hold_id, hold_expires_at, fingerprint)
            SELECT id, partner_id, livemode, kind, external_id, effective_at, t_recorded, description,
                   metadata::jsonb, subject_type, subject_id, reverses_id, hold_id, hold_expires_at, fingerprint
              FROM given
            ON CONFLICT (partner_id, livemode, external_id) WHERE external_id IS NOT NULL DO NOTHING
            RETURNING id, partner_id, livemode, effective_at
        ), made_entries AS (
            INSERT INTO public.ledger_entry (transaction_id, line, partner_id, livemode, account_id, currency, amount_minor, layer,
                                             effective_at, recorded_at)
            SELECT t.id, e.line, t.partner_id, t.livemode, e.account_id,
                   coalesce((SELECT a.currency FROM public.ledger_account a WHERE a.id = e.account_id), '?'), e.amount, e.layer,
                   t.effective_at, t_recorded
              FROM unnest(e_transaction, e_line, e_account, e_amount, e_layer) AS e (n, line, account_id, amount, layer)
              JOIN made_transactions t ON t.id = t_id[e.n]
        )
        SELECT count(*) INTO made FROM made_transactions;
    END IF;
    IF made = cardinality(t_id) THEN
        RETURN;
    END IF;
    -- A new statement sees what the winner of the race committed.
    FOR clash IN
        SELECT g.n, t.id, t.fingerprint = g.fingerprint AS is_same, g.external_id
          FROM unnest(t_id, t_partner, t_livemode, t_external, t_fingerprint)
               WITH ORDINALITY AS g (id, partner_id, livemode, external_id, fingerprint, n)
          JOIN public.ledger_transaction t ON t.partner_id IS NOT DISTINCT FROM g.partner_id AND t.livemode = g.livemode
                                          AND t.external_id = g.external_id
         WHERE t.id <> g.id ORDER BY g.n
    LOOP
        IF NOT clash.is_same AND on_conflict = 'raise' THEN
            RAISE EXCEPTION 'the external id % stands for another transaction already', clash.external_id
                  USING ERRCODE = 'LP005', DETAIL = clash.id::text;
        END IF;
        ordinal := clash.n::int; existing := clash.id; same := clash.is_same;
        RETURN NEXT;
    END LOOP;
END $$;

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
