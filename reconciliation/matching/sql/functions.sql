-- The normal form of a reference: upper case, letters and digits only, no zeros before a word or between its letters
-- and another digit (H007 and H7 are the same, but the zero of H0E is a sign like any other).
-- The planner inlines it.
CREATE OR REPLACE FUNCTION pg_temp.recon_normal(t text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT regexp_replace(upper(t), '(?<![A-Z0-9])0+|(?<=[A-Z])0+(?=[0-9])|[^A-Z0-9]+', '', 'g')
$$;
