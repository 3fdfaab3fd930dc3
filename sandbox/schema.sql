-- The bank's own books. One writer, write-ahead log: a committed row survives SIGKILL of the process.
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS accounts (
    currency TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    opening_minor INTEGER NOT NULL
);

-- What clients asked for, one row a reference. seq moves with every change, so `since` is a feed of changes.
CREATE TABLE IF NOT EXISTS transfers (
    reference TEXT PRIMARY KEY,
    id TEXT NOT NULL,                   -- derived from the reference, so as unique as it is
    seq INTEGER NOT NULL,
    content TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    executed_minor INTEGER,
    currency TEXT NOT NULL,
    destination TEXT NOT NULL,
    description TEXT NOT NULL,
    metadata TEXT NOT NULL,
    status TEXT NOT NULL,
    code TEXT NOT NULL DEFAULT '',
    submissions INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    settled_at TEXT,
    returned_at TEXT,
    due_at REAL,
    next TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS transfers_seq ON transfers (seq);
CREATE INDEX IF NOT EXISTS transfers_due ON transfers (due_at) WHERE due_at IS NOT NULL;

-- What really moved, one row a movement of money for one reference: append-only, the truth of /executions.
CREATE TABLE IF NOT EXISTS executions (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,                 -- transfer, ach; and back again: return, ach_return
    reference TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,      -- signed from the account's side: money out is negative
    currency TEXT NOT NULL,
    at TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS executions_reference ON executions (reference);

-- The account's booked lines, which statements are printed from. A NACHA batch is one line, a transfer is one.
CREATE TABLE IF NOT EXISTS lines (
    seq INTEGER PRIMARY KEY,
    currency TEXT NOT NULL,
    day TEXT NOT NULL,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    reference TEXT NOT NULL,
    narrative TEXT NOT NULL,
    counterparty TEXT NOT NULL DEFAULT '',
    shown INTEGER NOT NULL DEFAULT 1,   -- 0: missing from statements
    counted INTEGER NOT NULL DEFAULT 1  -- 0: missing from statement balances too
);
CREATE INDEX IF NOT EXISTS lines_day ON lines (currency, day);
-- A deposit, fee or interest with a reference is booked once.
CREATE UNIQUE INDEX IF NOT EXISTS lines_once ON lines (reference) WHERE kind NOT IN ('transfer', 'return', 'ach', 'ach_return');

CREATE TABLE IF NOT EXISTS ach_files (sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, at TEXT NOT NULL, verdict TEXT NOT NULL);

-- Files that must appear in the outbox when due, and the money that moves with them; written after the commit, again after a crash.
CREATE TABLE IF NOT EXISTS outbox (name TEXT PRIMARY KEY, content BLOB NOT NULL, due_at REAL NOT NULL,
    moves TEXT NOT NULL DEFAULT '[]', written INTEGER NOT NULL DEFAULT 0);

CREATE TABLE IF NOT EXISTS attempts (key TEXT PRIMARY KEY, n INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS late (reference TEXT PRIMARY KEY, request TEXT NOT NULL, due_at REAL NOT NULL);

CREATE TABLE IF NOT EXISTS webhooks (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    reference TEXT NOT NULL,
    body TEXT NOT NULL,
    copies INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL,
    next_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS webhooks_due ON webhooks (next_at) WHERE state = 'pending';
