DROP FUNCTION IF EXISTS ledger_post(text[], uuid[], uuid[], boolean[], text[], text[], timestamptz[], timestamptz, text[], text[], text[], text[], uuid[], uuid[], timestamptz[], text[], int[], smallint[], uuid[], bigint[], smallint[], text);
DROP FUNCTION IF EXISTS ledger_entry_added();
DROP FUNCTION IF EXISTS ledger_entry_refused(uuid, smallint);
DROP FUNCTION IF EXISTS ledger_move_holds(uuid[]);
