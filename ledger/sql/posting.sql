-- What happens on every posting: the checks of the entries' trigger, the balances that they move, and the one call that
-- the application makes. Why it is right under concurrency stands at the top of ledger.sql.
--
-- The three that run on every posting have the owner's rights and no search_path of their own, which would cost each posting
-- a twentieth: every name in them is bound instead, types too (int, boolean and the like are words of the grammar). A type
-- that the caller made in its temporary schema would come before ours, and its check would run with the owner's rights.

CREATE OR REPLACE FUNCTION ledger_book(partner uuid, live boolean) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT hashtextextended(coalesce(partner::pg_catalog.text, 'platform') || live::pg_catalog.text, 4711)
$$;

-- What is wrong with an entry that was added: called for one that must not stand, and never returns.
CREATE OR REPLACE FUNCTION ledger_entry_refused(of_transaction uuid, of_line smallint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE bad record;
BEGIN
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
      INTO STRICT bad
      FROM ledger_entry n LEFT JOIN ledger_account a ON a.id = n.account_id LEFT JOIN ledger_transaction t ON t.id = n.transaction_id
     WHERE n.transaction_id = of_transaction AND n.line = of_line;
    RAISE EXCEPTION 'entry % of transaction % on account %: %', bad.line, bad.transaction_id, bad.account_id, bad.why
          USING ERRCODE = 'LP002';
END $$;
REVOKE ALL ON FUNCTION ledger_entry_refused(uuid, smallint) FROM PUBLIC;

-- Lookups below stand in LATERAL ... LIMIT 1: a plan is kept for the session, and one made for a batch of thousands
-- would scan whole tables for the single postings that follow it.
CREATE OR REPLACE FUNCTION ledger_transaction_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE bad pg_catalog.uuid;
BEGIN
    -- Transaction and entries arrive in one statement, whose triggers fire at its end and see both.
    SELECT a.id INTO bad FROM added a
     WHERE (SELECT e.line FROM public.ledger_entry e WHERE e.transaction_id = a.id LIMIT 1) IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % has no entries', bad USING ERRCODE = 'LP001';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION ledger_entry_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE books pg_catalog.record; bad pg_catalog.record;
BEGIN
    -- What a statement needs to be prepared for is most of what a single posting costs: few statements, none for nothing.
    -- First the locks, in one order, then (in statements that see what the locks waited for) the checks.
    SELECT bool_or(b.held) AS held, min(b.oldest) AS oldest, array_agg(b.key) AS keys, count(pg_advisory_xact_lock_shared(b.key))
      INTO books
      FROM (SELECT public.ledger_book(partner_id, livemode) AS key, bool_or(layer > 0) AS held, min(effective_at) AS oldest
              FROM added GROUP BY 1 ORDER BY 1) AS b;
    IF books.keys IS NULL THEN
        RETURN NULL;
    END IF;

    PERFORM FROM public.ledger_period
      WHERE public.ledger_book(partner_id, livemode) = ANY(books.keys) AND ends_at > books.oldest AND closed_at IS NOT NULL LIMIT 1;
    IF FOUND THEN
        SELECT p.starts_at, p.ends_at, n.effective_at INTO bad
          FROM public.ledger_period p JOIN added n
            ON p.partner_id IS NOT DISTINCT FROM n.partner_id AND p.livemode = n.livemode
           AND n.effective_at >= p.starts_at AND n.effective_at < p.ends_at
         WHERE public.ledger_book(p.partner_id, p.livemode) = ANY(books.keys) AND p.ends_at > books.oldest AND p.closed_at IS NOT NULL
         LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'the period from % to % is closed: nothing effective at % can be posted',
                  bad.starts_at, bad.ends_at, bad.effective_at USING ERRCODE = 'LP003';
        END IF;
    END IF;

    SELECT transaction_id, currency, sum(amount_minor) AS off INTO bad
      FROM added GROUP BY transaction_id, currency, layer > 0 HAVING sum(amount_minor) <> 0 LIMIT 1;
    IF FOUND THEN
        -- An entry on an account that is not there has no currency to balance in: that is what is said.
        PERFORM public.ledger_entry_refused(n.transaction_id, n.line) FROM added n
          WHERE n.transaction_id = bad.transaction_id
            AND NOT EXISTS (SELECT 1 FROM public.ledger_account a WHERE a.id = n.account_id AND a.currency = n.currency) LIMIT 1;
        RAISE EXCEPTION 'transaction % does not balance: % is off by % minor units', bad.transaction_id, bad.currency, bad.off
              USING ERRCODE = 'LP001';
    END IF;

    IF NOT books.held THEN
        INSERT INTO public.ledger_balance AS b (account_id, slot, partner_id, livemode, debits_posted, credits_posted,
                                                debits_pending, credits_pending, limit_side)
        SELECT account_id, slot, partner_id, livemode,
               sum(greatest(amount_minor, 0)), sum(greatest(-amount_minor, 0)), 0, 0, 0
          FROM (SELECT n.account_id, n.layer, n.partner_id, n.livemode,
                       CASE WHEN a.slots > 1 THEN pg_backend_pid() % a.slots ELSE 0 END AS slot,
                       CASE WHEN t.xid = pg_current_xact_id() AND a.currency = n.currency AND a.closed_at IS NULL
                             AND t.livemode = n.livemode AND t.effective_at = n.effective_at AND t.recorded_at = n.recorded_at
                             AND t.partner_id IS NOT DISTINCT FROM n.partner_id
                             AND a.livemode = n.livemode AND a.partner_id IS NOT DISTINCT FROM n.partner_id
                            THEN n.amount_minor ELSE public.ledger_entry_refused(n.transaction_id, n.line) END AS amount_minor
                  FROM added n
                  LEFT JOIN LATERAL (SELECT * FROM public.ledger_account x WHERE x.id = n.account_id LIMIT 1) AS a ON true
                  LEFT JOIN LATERAL (SELECT * FROM public.ledger_transaction x WHERE x.id = n.transaction_id LIMIT 1) AS t ON true) AS checked
         GROUP BY account_id, slot, partner_id, livemode
         ORDER BY account_id
        ON CONFLICT (account_id, slot) DO UPDATE
           SET debits_posted = b.debits_posted + excluded.debits_posted, credits_posted = b.credits_posted + excluded.credits_posted;
        RETURN NULL;
    END IF;

    INSERT INTO public.ledger_balance AS b (account_id, slot, partner_id, livemode, debits_posted, credits_posted,
                                            debits_pending, credits_pending, limit_side)
    SELECT account_id, slot, partner_id, livemode,
           coalesce(sum(amount_minor) FILTER (WHERE layer = 0 AND amount_minor > 0), 0),
           coalesce(-sum(amount_minor) FILTER (WHERE layer = 0 AND amount_minor < 0), 0),
           -- A release carries the opposite sign of what it releases.
           coalesce(sum(amount_minor) FILTER (WHERE (layer = 1 AND amount_minor > 0) OR (layer = 2 AND amount_minor < 0)), 0),
           coalesce(-sum(amount_minor) FILTER (WHERE (layer = 1 AND amount_minor < 0) OR (layer = 2 AND amount_minor > 0)), 0),
           0
      FROM (SELECT n.account_id, n.layer, n.partner_id, n.livemode,
                   CASE WHEN a.slots > 1 THEN pg_backend_pid() % a.slots ELSE 0 END AS slot,
                   CASE WHEN t.xid = pg_current_xact_id() AND a.currency = n.currency AND a.closed_at IS NULL
                         AND t.livemode = n.livemode AND t.effective_at = n.effective_at AND t.recorded_at = n.recorded_at
                         AND t.partner_id IS NOT DISTINCT FROM n.partner_id
                         AND a.livemode = n.livemode AND a.partner_id IS NOT DISTINCT FROM n.partner_id
                        THEN n.amount_minor ELSE public.ledger_entry_refused(n.transaction_id, n.line) END AS amount_minor
              FROM added n
              LEFT JOIN LATERAL (SELECT * FROM public.ledger_account x WHERE x.id = n.account_id LIMIT 1) AS a ON true
              LEFT JOIN LATERAL (SELECT * FROM public.ledger_transaction x WHERE x.id = n.transaction_id LIMIT 1) AS t ON true) AS checked
     GROUP BY account_id, slot, partner_id, livemode
     ORDER BY account_id
    ON CONFLICT (account_id, slot) DO UPDATE
       SET debits_posted = b.debits_posted + excluded.debits_posted,
           credits_posted = b.credits_posted + excluded.credits_posted,
           debits_pending = b.debits_pending + excluded.debits_pending,
           credits_pending = b.credits_pending + excluded.credits_pending;
    PERFORM public.ledger_move_holds(ARRAY(SELECT DISTINCT transaction_id FROM added WHERE layer > 0));
    RETURN NULL;
END $$;
-- New holds get their row; resolutions take from it. The CHECK on the row refuses to give back more than was held. Every
-- row is looked up by its key, in this order: a plan made while the tables were empty must not scan them later.
CREATE OR REPLACE FUNCTION ledger_move_holds(ids uuid[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE bad record;
BEGIN
    INSERT INTO ledger_hold (transaction_id, partner_id, livemode, amount_minor, remaining_minor, expires_at)
    SELECT t.id, t.partner_id, t.livemode, held.amount, held.amount, t.hold_expires_at
      FROM unnest(ids) AS i (id)
     CROSS JOIN LATERAL (SELECT * FROM ledger_transaction x WHERE x.id = i.id OFFSET 0) AS t
     CROSS JOIN LATERAL (SELECT sum(e.amount_minor) AS amount FROM ledger_entry e
                          WHERE e.transaction_id = t.id AND e.layer = 1 AND e.amount_minor > 0 OFFSET 0) AS held
     WHERE held.amount IS NOT NULL;

    SELECT r.id, e.account_id INTO bad
      FROM unnest(ids) AS i (id)
     CROSS JOIN LATERAL (SELECT x.id, x.hold_id FROM ledger_transaction x WHERE x.id = i.id OFFSET 0) AS r
     CROSS JOIN LATERAL (SELECT * FROM ledger_entry x WHERE x.transaction_id = r.id AND x.layer = 2 OFFSET 0) AS e
     WHERE NOT EXISTS (SELECT 1 FROM ledger_entry h
                        WHERE h.transaction_id = r.hold_id AND h.layer = 1 AND h.account_id = e.account_id
                          AND sign(h.amount_minor) = -sign(e.amount_minor) OFFSET 0) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % releases on account % what its hold never took there', bad.id, bad.account_id
              USING ERRCODE = 'LP004';
    END IF;

    UPDATE ledger_hold h SET remaining_minor = h.remaining_minor - r.amount
      FROM (SELECT t.hold_id, sum(given.amount) AS amount
              FROM unnest(ids) AS i (id)
             CROSS JOIN LATERAL (SELECT x.hold_id FROM ledger_transaction x WHERE x.id = i.id AND x.hold_id IS NOT NULL OFFSET 0) AS t
             CROSS JOIN LATERAL (SELECT sum(-e.amount_minor) AS amount FROM ledger_entry e
                                  WHERE e.transaction_id = i.id AND e.layer = 2 AND e.amount_minor < 0 OFFSET 0) AS given
             WHERE given.amount IS NOT NULL
             GROUP BY t.hold_id ORDER BY t.hold_id) AS r
     WHERE h.transaction_id = r.hold_id;
END $$;
REVOKE ALL ON FUNCTION ledger_move_holds(uuid[]) FROM PUBLIC;

-- Post any number of transactions in one round trip. `scope` carries the tenant settings where the call is its own
-- database transaction. Returns only those whose external id was known already: `same` says whether their content is.
-- It runs with the owner's rights, which row-level security does not bind, and so asks first for whom the caller acts:
-- the same question as the tables' policies, once a call and not once a row. One transaction takes a shorter way.
CREATE OR REPLACE FUNCTION ledger_post(
    scope text[], t_id uuid[], t_partner uuid[], t_livemode boolean[], t_kind text[], t_external text[],
    t_effective timestamptz[], t_recorded timestamptz, t_description text[], t_metadata text[], t_subject_type text[],
    t_subject_id text[], t_reverses uuid[], t_hold uuid[], t_hold_expires timestamptz[], t_fingerprint text[],
    e_transaction int[], e_line smallint[], e_account uuid[], e_amount bigint[], e_layer smallint[], on_conflict text
) RETURNS TABLE (ordinal int, existing uuid, same boolean) LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE made int; clash pg_catalog.record; tenant pg_catalog.uuid; mode pg_catalog.text;
BEGIN
    IF coalesce(scope[3], current_setting('payos.platform', true)) IS DISTINCT FROM 'on' THEN
        tenant := nullif(coalesce(scope[1], current_setting('payos.tenant', true)), '');
        mode := nullif(coalesce(scope[2], current_setting('payos.livemode', true)), '');
        IF tenant IS NULL OR array_remove(t_partner, tenant) <> '{}'
           OR (mode IS NOT NULL AND array_remove(t_livemode, mode::boolean) <> '{}') THEN
            RAISE EXCEPTION 'the current scope (tenant %, livemode %) may not post for this partner and mode: row-level security',
                  coalesce(tenant::pg_catalog.text, 'none'), coalesce(mode, 'any') USING ERRCODE = '42501';
        END IF;
    END IF;
    IF cardinality(t_id) = 1 THEN
        WITH made_transaction AS (
            INSERT INTO public.ledger_transaction (id, partner_id, livemode, kind, external_id, effective_at, recorded_at, description,
                                                   metadata, subject_type, subject_id, reverses_id, hold_id, hold_expires_at, fingerprint)
            VALUES (t_id[1], t_partner[1], t_livemode[1], t_kind[1], t_external[1], t_effective[1], t_recorded, t_description[1],
                    t_metadata[1]::pg_catalog.jsonb, t_subject_type[1], t_subject_id[1], t_reverses[1], t_hold[1], t_hold_expires[1],
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
                   metadata::pg_catalog.jsonb, subject_type, subject_id, reverses_id, hold_id, hold_expires_at, fingerprint
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
                  USING ERRCODE = 'LP005', DETAIL = clash.id::pg_catalog.text;
        END IF;
        ordinal := clash.n::int; existing := clash.id; same := clash.is_same;
        RETURN NEXT;
    END LOOP;
END $$;
