-- The sealer, wholly inside the database and with the owner's rights: the application may ask for it and can forge nothing.
--
-- Seal: each transaction takes its place in its partner's chain, sha256(previous seal + canonical form), in the order of
-- database transactions. Only what every snapshot from now on agrees about (below the oldest running transaction) is
-- taken, so a late commit can never fall before the mark. One sealer at a time, by an advisory lock.
--
-- Checkpoints: per account and axis of time, the sums of all sealed entries up to an instant, about `every` entries
-- apart, so that a balance in the past reads one of them and a bounded number of entries. A last one at infinity closes
-- the row: every entry lies in the bucket of exactly one checkpoint, the first at or after it. `entries` counts what lies
-- strictly inside the bucket, the latest of them at `until`; one that outgrows its size is split, also when entries were
-- backdated into it.
--
-- Splitting reads the whole span of a bucket, the entries in it that are not sealed yet included. Behind a bulk load that
-- would be the same long tail over and over: until the sealer has caught up a bucket may grow to BEHIND times its size,
-- and what is too large then is split at the end, once. The index of overfull buckets finds it.
CREATE INDEX IF NOT EXISTS ledger_checkpoint_overfull ON ledger_checkpoint (axis, account_id) WHERE entries >= 2000;
DROP FUNCTION IF EXISTS ledger_roll(uuid[], text, int), ledger_split(uuid, text, timestamptz, int);
CREATE OR REPLACE FUNCTION ledger_seal_next(how_many int, every int, moment timestamptz) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    mark record; row record; owner uuid; place bigint; head bytea;
    ids uuid[]; sealed uuid[] := '{}'; owners uuid[] := '{}'; places bigint[] := '{}'; hashes bytea[] := '{}'; n int := 0;
    last_xid xid8; last_id uuid;
    behind CONSTANT int := 64;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('ledger sealer', 4712)) THEN
        RETURN 0;
    END IF;
    SELECT xid::xid8 AS xid, coalesce(transaction_id, '00000000-0000-0000-0000-000000000000'::uuid) AS id INTO mark FROM ledger_sealmark;
    SELECT array_agg(n.id ORDER BY n.xid, n.id) INTO ids FROM (
        SELECT t.id, t.xid FROM ledger_transaction t
         WHERE (t.xid, t.id) > (mark.xid, mark.id) AND t.xid < pg_snapshot_xmin(pg_current_snapshot())
         ORDER BY t.xid, t.id LIMIT how_many) AS n;
    IF ids IS NULL THEN
        PERFORM ledger_split_overfull(every);
        RETURN 0;
    END IF;
    SELECT t.xid, t.id INTO last_xid, last_id FROM ledger_transaction t WHERE t.id = ids[cardinality(ids)];
    -- Chain by chain; inside a chain in the order of the mark.
    FOR row IN
        SELECT g.id, coalesce(t.partner_id, '00000000-0000-0000-0000-000000000000'::uuid) AS owner, c.canonical
          FROM unnest(ids) WITH ORDINALITY AS g (id, n)
          JOIN ledger_transaction t ON t.id = g.id
          JOIN ledger_canonical(ids) AS c ON c.id = g.id
         ORDER BY owner, g.n
    LOOP
        IF owner IS DISTINCT FROM row.owner THEN
            owner := row.owner;
            SELECT k.position, k.hash INTO place, head FROM ledger_chain k WHERE k.partner_id = owner;
            IF NOT FOUND THEN
                place := 0;
                head := sha256(convert_to('payos ledger chain 1', 'UTF8'));
            END IF;
        END IF;
        place := place + 1;
        head := sha256(head || convert_to(row.canonical, 'UTF8'));
        n := n + 1;
        sealed[n] := row.id;
        owners[n] := owner;
        places[n] := place;
        hashes[n] := head;
    END LOOP;
    INSERT INTO ledger_seal (transaction_id, partner_id, position, hash, sealed_at)
    SELECT s.*, moment FROM unnest(sealed, owners, places, hashes) AS s;
    INSERT INTO ledger_chain (partner_id, position, hash)
    SELECT DISTINCT ON (s.partner_id) s.* FROM unnest(owners, places, hashes) AS s (partner_id, position, hash)
     ORDER BY s.partner_id, s.position DESC
    ON CONFLICT (partner_id) DO UPDATE SET position = excluded.position, hash = excluded.hash;
    UPDATE ledger_sealmark SET xid = last_xid::text, transaction_id = last_id;
    IF cardinality(ids) < how_many THEN
        PERFORM ledger_roll(ids, 'e', every, 2 * every), ledger_roll(ids, 'r', every, 2 * every), ledger_split_overfull(every);
    ELSE
        PERFORM ledger_roll(ids, 'e', every, behind * every), ledger_roll(ids, 'r', every, behind * every);
    END IF;
    RETURN cardinality(ids);
END $$;

-- What grew too large while the sealer was behind.
CREATE OR REPLACE FUNCTION ledger_split_overfull(every int) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE bucket record;
BEGIN
    FOR bucket IN SELECT account_id, axis, at FROM ledger_checkpoint WHERE entries >= 2000 AND entries >= 2 * every ORDER BY account_id, axis, at LOOP
        PERFORM ledger_split(bucket.account_id, bucket.axis, bucket.at, every, false);
    END LOOP;
END $$;

-- Take the entries of freshly sealed transactions into the checkpoints of one axis ('e': effective, 'r': recorded), and
-- split those that then hold `too_many`.
CREATE OR REPLACE FUNCTION ledger_roll(ids uuid[], which text, every int, too_many int) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE accounts uuid[]; ends timestamptz[];
BEGIN
    INSERT INTO ledger_checkpoint (account_id, axis, at, partner_id, posted_minor, debits_pending, credits_pending, entries)
    SELECT DISTINCT e.account_id, which, 'infinity'::timestamptz, e.partner_id, 0, 0, 0, 0
      FROM ledger_entry e WHERE e.transaction_id = ANY(ids)
    ON CONFLICT DO NOTHING;

    WITH rolled AS MATERIALIZED (
        SELECT e.account_id, b.at, count(*) FILTER (WHERE e.at < b.at) AS n, max(e.at) FILTER (WHERE e.at < b.at) AS until,
               coalesce(sum(e.amount_minor) FILTER (WHERE e.layer = 0), 0) AS posted,
               coalesce(sum(e.amount_minor) FILTER (WHERE (e.layer = 1 AND e.amount_minor > 0) OR (e.layer = 2 AND e.amount_minor < 0)), 0) AS debits,
               -coalesce(sum(e.amount_minor) FILTER (WHERE (e.layer = 1 AND e.amount_minor < 0) OR (e.layer = 2 AND e.amount_minor > 0)), 0) AS credits
          FROM (SELECT account_id, amount_minor, layer, CASE which WHEN 'e' THEN effective_at ELSE recorded_at END AS at
                  FROM ledger_entry WHERE transaction_id = ANY(ids)) AS e
         CROSS JOIN LATERAL (SELECT k.at FROM ledger_checkpoint k
                              WHERE k.account_id = e.account_id AND k.axis = which AND k.at >= e.at ORDER BY k.at LIMIT 1) AS b
         GROUP BY e.account_id, b.at
    ), moved AS (
        -- What came into a bucket counts in its checkpoint and in every later one of the account.
        UPDATE ledger_checkpoint c
           SET posted_minor = c.posted_minor + d.posted, debits_pending = c.debits_pending + d.debits,
               credits_pending = c.credits_pending + d.credits, entries = c.entries + d.n,
               until = greatest(c.until, d.until)
          FROM (SELECT k.account_id, k.at, coalesce(r.n, 0) AS n, r.until, sum(r.posted) OVER w AS posted, sum(r.debits) OVER w AS debits,
                       sum(r.credits) OVER w AS credits
                  FROM (SELECT account_id, min(at) AS first FROM rolled GROUP BY account_id) AS f
                  JOIN ledger_checkpoint k ON k.account_id = f.account_id AND k.axis = which AND k.at >= f.first
                  LEFT JOIN rolled r ON r.account_id = k.account_id AND r.at = k.at
                WINDOW w AS (PARTITION BY k.account_id ORDER BY k.at)) AS d
         WHERE c.account_id = d.account_id AND c.axis = which AND c.at = d.at
        RETURNING c.account_id, c.at, c.entries
    )
    SELECT array_agg(account_id), array_agg(at) INTO accounts, ends FROM moved WHERE entries >= too_many;
    FOR place IN 1 .. coalesce(cardinality(accounts), 0) LOOP
        PERFORM ledger_split(accounts[place], which, ends[place], every, too_many > 2 * every);
    END LOOP;
END $$;

-- Cut one bucket: a checkpoint at every `every`-th entry of it. Entries not sealed yet are left out: they are the tail,
-- which is counted apart until it is sealed. A short tail is looked through once; a long one (`behind`) is asked about entry
-- by entry.
CREATE OR REPLACE FUNCTION ledger_split(account uuid, which text, ends timestamptz, every int, behind boolean) RETURNS void LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
DECLARE base record; mark record; latest timestamptz; instant text := CASE which WHEN 'e' THEN 'effective_at' ELSE 'recorded_at' END;
BEGIN
    SELECT xid::xid8 AS xid, transaction_id AS id INTO mark FROM ledger_sealmark;
    SELECT at, posted_minor, debits_pending, credits_pending INTO base FROM ledger_checkpoint
     WHERE account_id = account AND axis = which AND at < ends ORDER BY at DESC LIMIT 1;
    SELECT until INTO latest FROM ledger_checkpoint WHERE account_id = account AND axis = which AND at = ends;
    EXECUTE format($sql$
        WITH tail AS MATERIALIZED (SELECT t.id FROM ledger_transaction t WHERE (t.xid, t.id) > ($4, $5)), instants AS (
            SELECT e.%1$I AS at, min(e.partner_id::text)::uuid AS partner_id, count(*) AS n,
                   coalesce(sum(e.amount_minor) FILTER (WHERE e.layer = 0), 0) AS posted,
                   coalesce(sum(e.amount_minor) FILTER (WHERE (e.layer = 1 AND e.amount_minor > 0) OR (e.layer = 2 AND e.amount_minor < 0)), 0) AS debits,
                   -coalesce(sum(e.amount_minor) FILTER (WHERE (e.layer = 1 AND e.amount_minor < 0) OR (e.layer = 2 AND e.amount_minor > 0)), 0) AS credits
              FROM ledger_entry e
             WHERE e.account_id = $1 AND e.%1$I > $2 AND e.%1$I < $3 AND e.%1$I <= $11 AND %2$s
             GROUP BY e.%1$I
        ), numbered AS (
            SELECT *, sum(n) OVER w AS so_far, sum(posted) OVER w AS posted_so_far, sum(debits) OVER w AS debits_so_far,
                   sum(credits) OVER w AS credits_so_far, div(sum(n) OVER w, $6) AS piece, div(sum(n) OVER w - n, $6) AS piece_before
              FROM instants WINDOW w AS (ORDER BY at)
        ), sized AS (
            -- Inside a piece lie the instants since the last cut; the cut's own instant lies on its edge.
            SELECT *, sum(n) OVER (PARTITION BY piece_before) - n AS inside FROM numbered
        ), cut AS (
            INSERT INTO ledger_checkpoint (account_id, axis, at, partner_id, posted_minor, debits_pending, credits_pending, entries, until)
            SELECT $1, $7, at, partner_id, $8 + posted_so_far, $9 + debits_so_far, $10 + credits_so_far, inside, at
              FROM sized WHERE piece > piece_before
            RETURNING at
        )
        UPDATE ledger_checkpoint SET entries = (
            SELECT coalesce(sum(n), 0) FROM instants WHERE at > coalesce((SELECT max(at) FROM cut), '-infinity'))
         WHERE account_id = $1 AND axis = $7 AND at = $3
    $sql$, instant, CASE WHEN behind THEN '(SELECT (t.xid, t.id) <= ($4, $5) FROM ledger_transaction t WHERE t.id = e.transaction_id)'
                         ELSE 'e.transaction_id NOT IN (SELECT id FROM tail)' END) USING account, coalesce(base.at, '-infinity'), ends, mark.xid, mark.id, every, which,
        coalesce(base.posted_minor, 0), coalesce(base.debits_pending, 0), coalesce(base.credits_pending, 0), latest;
END $$;
REVOKE ALL ON FUNCTION ledger_roll(uuid[], text, int, int), ledger_split(uuid, text, timestamptz, int, boolean), ledger_split_overfull(int) FROM PUBLIC;
