DROP FUNCTION IF EXISTS ledger_canonical(uuid[]);
