DROP TRIGGER IF EXISTS settlement_transfer_states ON settlement_transfer;
DROP FUNCTION IF EXISTS settlement_transfer_states();
