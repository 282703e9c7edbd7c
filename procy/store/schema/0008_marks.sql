-- Labels that somebody put on a session, a turn or a try. Names without references: what they name is derived, and may be
-- derived again under the same id.
CREATE TABLE tags (
    what TEXT NOT NULL CHECK (what IN ('session', 'turn', 'try')),
    target_id TEXT NOT NULL, -- of the session, turn or try
    tag TEXT NOT NULL,
    session_id TEXT,         -- in which it is; the session itself for a session
    created_at TEXT NOT NULL,
    PRIMARY KEY (what, target_id, tag)
);
CREATE INDEX tags_by_tag ON tags (tag, session_id);
CREATE INDEX tags_session ON tags (session_id);

-- Places to find again: bookmarks, and how far a session was read.
CREATE TABLE marks (
    kind TEXT NOT NULL CHECK (kind IN ('bookmark', 'seen')),
    what TEXT NOT NULL CHECK (what IN ('session', 'turn', 'try')),
    target_id TEXT NOT NULL,
    session_id TEXT,
    seq INTEGER,             -- of a session that was seen: its last turn that was
    created_at TEXT NOT NULL,
    PRIMARY KEY (kind, what, target_id)
);
CREATE INDEX marks_session ON marks (session_id, kind);

-- Filters of the list of sessions that were saved under a name.
CREATE TABLE filters (
    name TEXT PRIMARY KEY,
    query TEXT NOT NULL,     -- as in the address of the page
    created_at TEXT NOT NULL
);

CREATE INDEX sessions_agent ON sessions (agent);
CREATE INDEX sessions_cwd ON sessions (cwd);

-- A session may be written as HTML, too.
ALTER TABLE exports RENAME TO old_exports;
DROP INDEX exports_session;
CREATE TABLE exports (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL, -- kept when the session is forgotten
    turn_ids TEXT,           -- JSON list, or NULL for the whole session
    kind TEXT NOT NULL CHECK (kind IN ('cast', 'md', 'raw', 'html')),
    path TEXT,               -- NULL: standard output
    created_at TEXT NOT NULL,
    sha256 TEXT NOT NULL     -- of what was written
);
INSERT INTO exports SELECT * FROM old_exports;
DROP TABLE old_exports;
CREATE INDEX exports_session ON exports (session_id);
