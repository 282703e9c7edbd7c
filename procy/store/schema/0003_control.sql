-- Where a session went, or turns of it: so that `procy forget` can say which files still hold them.
CREATE TABLE exports (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL, -- kept when the session is forgotten
    turn_ids TEXT,           -- JSON list, or NULL for the whole session
    kind TEXT NOT NULL CHECK (kind IN ('cast', 'md', 'raw')),
    path TEXT,               -- NULL: standard output
    created_at TEXT NOT NULL,
    sha256 TEXT NOT NULL     -- of what was written
);
CREATE INDEX exports_session ON exports (session_id);

-- What was forgotten: neither a recording nor `procy rebuild` makes these rows again. Ids and times only, no text.
CREATE TABLE forgotten (
    id TEXT PRIMARY KEY,     -- of the turn or session
    what TEXT NOT NULL CHECK (what IN ('turn', 'session')),
    session_id TEXT NOT NULL,
    seq INTEGER,             -- of a turn; no other turn gets its number
    started_at TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX forgotten_session ON forgotten (session_id);

ALTER TABLE sessions ADD COLUMN pruned_at TEXT; -- its raw rows are gone since then
