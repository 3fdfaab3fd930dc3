-- A UUIDv7 where no release of Postgres can be relied on to bring one: 48 bits of milliseconds, then random bits of a
-- version 4 UUID whose version nibble 0100 becomes 0111.
CREATE FUNCTION webhooks_uuid7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT encode(
        set_bit(set_bit(
            overlay(uuid_send(gen_random_uuid())
                    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                    FROM 1 FOR 6),
            52, 1), 53, 1), 'hex')::uuid
$$;

-- The log of attempts is append-only for the application: it may not delete. What is older than the retention goes
-- through this door only, which runs as the owner and refuses to look at anything younger than 30 days, whoever asks
-- with whatever date. Deliveries that ended and have no attempt left follow, and so do none that are still owed.
CREATE FUNCTION webhooks_forget(before timestamptz, at_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    -- Keys tell the time: the primary key finds what is old without an index of its own.
    floor_id uuid := encode(overlay(decode(repeat('00', 16), 'hex')
        PLACING substring(int8send((extract(epoch FROM before) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 'hex')::uuid;
    attempts integer;
    deliveries integer;
BEGIN
    IF before > clock_timestamp() - interval '30 days' THEN
        RAISE EXCEPTION 'attempts are kept for 30 days: % is too late', before;
    END IF;
    DELETE FROM webhooks_attempt WHERE id IN (
        SELECT id FROM webhooks_attempt WHERE id < floor_id AND created_at < before ORDER BY id LIMIT at_most);
    GET DIAGNOSTICS attempts = ROW_COUNT;
    DELETE FROM webhooks_delivery WHERE id IN (
        SELECT d.id FROM webhooks_delivery d
         WHERE d.id < floor_id AND d.created_at < before AND d.finished_at < before AND d.state NOT IN ('pending', 'retrying')
           AND NOT EXISTS (SELECT 1 FROM webhooks_attempt a WHERE a.delivery_id = d.id)
         ORDER BY d.id LIMIT at_most);
    GET DIAGNOSTICS deliveries = ROW_COUNT;
    RETURN attempts + deliveries;
END
$$;
