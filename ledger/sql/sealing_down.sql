DROP FUNCTION IF EXISTS ledger_seal_next(int, int, timestamptz);
DROP FUNCTION IF EXISTS ledger_roll(uuid[], text, int), ledger_split(uuid, text, timestamptz, int);
