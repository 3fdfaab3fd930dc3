DROP FUNCTION IF EXISTS ledger_seal_next(int, int, timestamptz);
DROP FUNCTION IF EXISTS ledger_roll(uuid[], text, int, int), ledger_split(uuid, text, timestamptz, int, boolean), ledger_split_overfull(int);
DROP INDEX IF EXISTS ledger_checkpoint_overfull;
