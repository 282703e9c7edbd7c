-- Raw: what happened, written once. ---------------------------------------------------------------------------------

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    agent TEXT NOT NULL,
    agent_session_id TEXT,
    name TEXT,
    command TEXT,
    cwd TEXT,
    origin TEXT NOT NULL DEFAULT 'tmux' CHECK (origin IN ('tmux', 'stream', 'import', 'gateway')),
    tmux_socket TEXT,
    pane_id TEXT,
    parent_id TEXT REFERENCES sessions (id) ON DELETE SET NULL,
    repo TEXT,
    branch TEXT,
    git_head TEXT,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    status TEXT NOT NULL DEFAULT 'recording' CHECK (status IN ('recording', 'paused', 'ended', 'lost')),
    state TEXT,              -- of the agent: busy, waiting, idle, error
    state_reason TEXT,
    state_at TEXT,
    cost_usd REAL,           -- of the whole conversation, where the agent states it
    terminal_bytes INTEGER NOT NULL DEFAULT 0,
    columns INTEGER,
    rows INTEGER
);
CREATE INDEX sessions_started_at ON sessions (started_at);
CREATE INDEX sessions_status ON sessions (status) WHERE status IN ('recording', 'paused');
CREATE INDEX sessions_parent_id ON sessions (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX sessions_agent_session_id ON sessions (agent_session_id) WHERE agent_session_id IS NOT NULL;

-- One zstd frame of terminal bytes and the times of its reads. Offsets count a session's bytes from 0.
CREATE TABLE terminal_blocks (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    started_ns INTEGER NOT NULL,
    ended_ns INTEGER NOT NULL,
    bytes BLOB NOT NULL,     -- zstd of end - start bytes
    reads BLOB NOT NULL,     -- zstd of 20-byte entries: ns since started_ns (i64), length, columns, rows (u32)
    columns INTEGER NOT NULL, -- of the screen at start
    rows INTEGER NOT NULL,
    screen BLOB NOT NULL,    -- zstd of the escape sequences that paint it; derived
    PRIMARY KEY (session_id, start)
);

-- What happened to the pane beside its bytes: attach, gap, resize, foreground, pause, end, ...
CREATE TABLE pane_events (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    at_ns INTEGER NOT NULL,
    offset INTEGER NOT NULL, -- of the terminal bytes
    kind TEXT NOT NULL,
    detail TEXT,             -- JSON
    screen BLOB              -- zstd of escape sequences that paint tmux's own picture, where one was taken
);
CREATE INDEX pane_events_session ON pane_events (session_id, offset);

CREATE TABLE transcripts (
    id TEXT PRIMARY KEY,
    agent TEXT NOT NULL,
    agent_session_id TEXT NOT NULL,
    path TEXT NOT NULL,
    next_offset INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX transcripts_agent_session_id ON transcripts (agent_session_id);

-- In which session a transcript was written, and since when. A turn belongs to the last one that began before it.
CREATE TABLE transcript_sessions (
    transcript_id TEXT NOT NULL REFERENCES transcripts (id) ON DELETE CASCADE,
    from_ns INTEGER NOT NULL, -- when the agent or its recording began, whichever was later
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    PRIMARY KEY (transcript_id, from_ns, session_id)
);
CREATE INDEX transcript_sessions_session ON transcript_sessions (session_id);
CREATE TRIGGER transcript_sessions_delete AFTER DELETE ON transcript_sessions
WHEN NOT EXISTS (SELECT 1 FROM transcript_sessions WHERE transcript_id = old.transcript_id)
BEGIN DELETE FROM transcripts WHERE id = old.transcript_id; END;

CREATE TABLE transcript_lines (
    transcript_id TEXT NOT NULL REFERENCES transcripts (id) ON DELETE CASCADE,
    offset INTEGER NOT NULL, -- of the line's first byte in the agent's file
    line TEXT NOT NULL,      -- as the agent wrote it, or BLOB where it is not UTF-8
    PRIMARY KEY (transcript_id, offset)
);

-- A file that a transcript refers to for what is too long for its lines.
CREATE TABLE transcript_files (
    transcript_id TEXT NOT NULL REFERENCES transcripts (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    content BLOB NOT NULL,   -- zstd
    PRIMARY KEY (transcript_id, path)
);

CREATE TABLE hook_events (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    at_ns INTEGER NOT NULL,
    event TEXT NOT NULL,
    payload TEXT NOT NULL    -- JSON as the agent gave it
);
CREATE INDEX hook_events_session ON hook_events (session_id, at_ns);

-- Where the sidecar is in a spool. Committed together with what was read.
CREATE TABLE spool_cursors (
    session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    segment INTEGER NOT NULL,
    index_offset INTEGER NOT NULL,
    stream_offset INTEGER NOT NULL
);

-- Derived: what procy makes of it. `procy rebuild` deletes these rows and makes the same ones again. -----------------

CREATE TABLE turns (
    n INTEGER PRIMARY KEY,   -- of the full-text index only; `id` is the turn's name
    id TEXT NOT NULL UNIQUE,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,    -- from 1 within the session
    origin TEXT NOT NULL DEFAULT 'human' CHECK (origin IN ('human', 'procy')),
    kind TEXT NOT NULL DEFAULT 'prompt' CHECK (kind IN ('prompt', 'command', 'shell')),  -- text, /command, !command
    folded INTEGER NOT NULL DEFAULT 0,  -- 1: sent while the agent worked, and taken in without a pause
    prompt TEXT NOT NULL,
    response TEXT NOT NULL DEFAULT '',
    reasoning TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL CHECK (status IN ('open', 'done', 'interrupted', 'error')),
    error TEXT,
    source TEXT NOT NULL CHECK (source IN ('transcript', 'stream', 'wire', 'screen')),
    agent_session_id TEXT,
    model TEXT,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    reasoning_tokens INTEGER,
    cost_usd REAL,
    try_id TEXT,
    terminal_from INTEGER,   -- offsets in the session's terminal bytes
    terminal_to INTEGER,
    tool_count INTEGER NOT NULL DEFAULT 0,
    UNIQUE (session_id, seq)
);
CREATE INDEX turns_started_at ON turns (started_at);

CREATE TABLE tool_calls (
    id TEXT PRIMARY KEY,
    turn_id TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    name TEXT NOT NULL,
    input TEXT,              -- JSON
    result TEXT,
    status TEXT NOT NULL CHECK (status IN ('ok', 'error', 'denied', 'unknown')),
    started_at TEXT,
    duration_ms INTEGER,
    response_at INTEGER NOT NULL DEFAULT 0,  -- characters of the turn's response that came before the call
    UNIQUE (turn_id, seq)
);
CREATE INDEX tool_calls_name ON tool_calls (name);

CREATE TABLE turn_files (
    turn_id TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    change TEXT NOT NULL,    -- added, modified, deleted
    diff TEXT,
    PRIMARY KEY (turn_id, path)
);

-- The screen at a turn's two ends.
CREATE TABLE keyframes (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    offset INTEGER NOT NULL,
    columns INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    screen BLOB NOT NULL,    -- zstd of escape sequences
    PRIMARY KEY (session_id, offset)
);

CREATE VIRTUAL TABLE turns_fts USING fts5 (prompt, response, tools, tokenize = 'unicode61 remove_diacritics 2');

-- What stood on the terminal, line by line, once it had scrolled away or come to rest.
CREATE TABLE terminal_texts (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    offset INTEGER NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (session_id, offset)
);
CREATE VIRTUAL TABLE terminal_fts USING fts5 (
    text, content = 'terminal_texts', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER terminal_texts_insert AFTER INSERT ON terminal_texts BEGIN
    INSERT INTO terminal_fts (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER terminal_texts_delete AFTER DELETE ON terminal_texts BEGIN
    INSERT INTO terminal_fts (terminal_fts, rowid, text) VALUES ('delete', old.id, old.text);
END;
CREATE TRIGGER turns_delete AFTER DELETE ON turns BEGIN
    DELETE FROM turns_fts WHERE rowid = old.n;
END;

-- Raw is written once.
CREATE TRIGGER terminal_blocks_are_raw BEFORE UPDATE OF session_id, start, end, bytes, reads ON terminal_blocks
BEGIN SELECT raise(ABORT, 'terminal_blocks is append-only'); END;
CREATE TRIGGER transcript_lines_are_raw BEFORE UPDATE ON transcript_lines
BEGIN SELECT raise(ABORT, 'transcript_lines is append-only'); END;
CREATE TRIGGER transcript_files_are_raw BEFORE UPDATE ON transcript_files
BEGIN SELECT raise(ABORT, 'transcript_files is append-only'); END;
CREATE TRIGGER hook_events_are_raw BEFORE UPDATE ON hook_events
BEGIN SELECT raise(ABORT, 'hook_events is append-only'); END;
CREATE TRIGGER pane_events_are_raw BEFORE UPDATE ON pane_events
BEGIN SELECT raise(ABORT, 'pane_events is append-only'); END;
