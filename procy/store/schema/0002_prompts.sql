-- A prompt that procy typed into a pane, and what became of it.
CREATE TABLE injections (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    at TEXT NOT NULL,
    text TEXT NOT NULL,
    key TEXT NOT NULL,       -- SHA-256 of the text without white space, by which its turn is known
    status TEXT NOT NULL CHECK (status IN ('sending', 'delivered', 'unconfirmed', 'withheld')),
    confirmed_by TEXT CHECK (confirmed_by IN ('transcript', 'hook', 'screen')),
    turn_id TEXT             -- no reference: a turn is derived, and may be derived again
);
CREATE INDEX injections_by_key ON injections (session_id, key);
CREATE INDEX injections_by_turn ON injections (turn_id);

-- A prompt that a human made better. Never overwritten: a later one replaces it.
CREATE TABLE corrections (
    id TEXT PRIMARY KEY,
    turn_id TEXT,
    try_id TEXT,
    rejected TEXT NOT NULL,
    chosen TEXT NOT NULL,
    note TEXT,
    author TEXT,
    created_at TEXT NOT NULL,
    replaced_by TEXT REFERENCES corrections (id) ON DELETE SET NULL,
    deleted_at TEXT
);
CREATE INDEX corrections_by_turn ON corrections (turn_id);
