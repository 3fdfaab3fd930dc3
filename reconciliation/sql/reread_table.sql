-- The lines of a file as they would be read now, beside those that are kept. A table of this transaction alone.
CREATE TEMPORARY TABLE reconciliation_reread (
    account_id uuid NOT NULL, content uuid NOT NULL, occurrence integer NOT NULL, value_on date NOT NULL, amount_minor bigint NOT NULL,
    currency text NOT NULL, reference text NOT NULL, counterparty text NOT NULL, description text NOT NULL, raw text NOT NULL,
    booked_on date, batch_id text NOT NULL, fee_minor bigint,
    PRIMARY KEY (account_id, content, occurrence)
) ON COMMIT DROP
