-- The normal form of a reference: upper case, no leading zeros in any run of digits, letters and digits only.
-- The planner inlines it.
CREATE OR REPLACE FUNCTION pg_temp.recon_normal(t text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT regexp_replace(regexp_replace(upper(t), '(^|[^0-9])0+', '\1', 'g'), '[^A-Z0-9]+', '', 'g')
$$;
