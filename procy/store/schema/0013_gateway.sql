-- What went through the gateway: one row a call, written when it begins and completed when it ends. Bodies are below, and may go
-- earlier. Without references to sessions and turns: a call is often known before its session is, and a turn is made again.
CREATE TABLE exchanges (
    id TEXT PRIMARY KEY,
    session_id TEXT,
    turn_id TEXT,
    agent_session_id TEXT,   -- the conversation, by the agent's own header
    request_id TEXT,         -- the upstream's name for the call
    service TEXT NOT NULL,   -- claude, codex or openai
    upstream TEXT,
    wire TEXT,               -- the client's
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    model TEXT,              -- that answered, else that was asked for
    client TEXT,             -- its user agent
    key TEXT,                -- of the upstream: where it came from, and eight characters that tell it apart
    status INTEGER,          -- that the client got
    outcome TEXT CHECK (outcome IN ('ok', 'upstream_error', 'client_abort', 'timeout', 'rejected', 'gateway_error', 'lost')),
    error TEXT,
    started_at TEXT NOT NULL,
    waited_ms REAL,          -- for the upstream's rate limit
    first_byte_ms REAL,      -- of the reply, since the call was whole
    duration_ms REAL,
    attempts TEXT,           -- JSON list, where one upstream or more failed before this one
    input_tokens INTEGER,
    output_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    reasoning_tokens INTEGER,
    usage TEXT,              -- JSON as the upstream told it
    cost_usd REAL,
    request_bytes INTEGER,
    response_bytes INTEGER,
    request_sha TEXT,        -- SHA-256 of the bytes the client sent, and of those the upstream answered
    response_sha TEXT,
    changes TEXT,            -- JSON list of what was altered on the way to the upstream
    bodies TEXT              -- why they are not here, where they are not: off, overload, aged, forgotten
);
CREATE INDEX exchanges_started_at ON exchanges (started_at);
CREATE INDEX exchanges_session ON exchanges (session_id, started_at) WHERE session_id IS NOT NULL;
CREATE INDEX exchanges_turn ON exchanges (turn_id) WHERE turn_id IS NOT NULL;
CREATE INDEX exchanges_agent_session ON exchanges (agent_session_id, started_at) WHERE agent_session_id IS NOT NULL;
CREATE INDEX exchanges_open ON exchanges (id) WHERE outcome IS NULL;

-- Pieces of bodies: a message, a tool's definition, the text between. An agent sends its whole history with every call; each
-- piece of it is here once.
CREATE TABLE exchange_parts (
    id INTEGER PRIMARY KEY,
    sha BLOB NOT NULL UNIQUE, -- the first 16 bytes of its SHA-256
    data BLOB NOT NULL        -- zstd
);

-- What was sent and answered, as the pieces it is made of.
CREATE TABLE exchange_bodies (
    exchange_id TEXT NOT NULL REFERENCES exchanges (id) ON DELETE CASCADE,
    side TEXT NOT NULL,      -- request, sent (where it differs) or response, each with a second one: ..._headers
    parts BLOB NOT NULL,     -- ids of pieces, each less the one before it, as variable-length numbers
    PRIMARY KEY (exchange_id, side)
) WITHOUT ROWID;

-- A call belongs to the session its agent's conversation is recorded in, else to the one whose pane's token it bore; and there
-- to the last turn that began before it. Whichever row comes last, the triggers tie it.
CREATE TRIGGER exchanges_insert AFTER INSERT ON exchanges
WHEN new.session_id IS NOT NULL OR new.agent_session_id IS NOT NULL BEGIN
    UPDATE exchanges SET session_id = coalesce((
        SELECT transcript_sessions.session_id FROM transcripts JOIN transcript_sessions ON transcript_id = transcripts.id
        WHERE transcripts.agent_session_id = new.agent_session_id
        AND strftime('%Y-%m-%dT%H:%M:%fZ', from_ns / 1e9, 'unixepoch') <= new.started_at ORDER BY from_ns DESC LIMIT 1
    ), new.session_id) WHERE id = new.id;
END;
CREATE TRIGGER exchanges_session_set AFTER UPDATE OF session_id ON exchanges WHEN new.session_id IS NOT NULL BEGIN
    UPDATE exchanges SET turn_id = (
        SELECT id FROM turns WHERE session_id = new.session_id AND started_at <= new.started_at
        ORDER BY started_at DESC, seq DESC LIMIT 1
    ) WHERE id = new.id;
END;
CREATE TRIGGER transcript_sessions_claim_exchanges AFTER INSERT ON transcript_sessions BEGIN
    UPDATE exchanges SET session_id = new.session_id
    WHERE agent_session_id = (SELECT agent_session_id FROM transcripts WHERE id = new.transcript_id)
    AND started_at >= strftime('%Y-%m-%dT%H:%M:%fZ', new.from_ns / 1e9, 'unixepoch')
    AND session_id IS NOT new.session_id;
END;
CREATE TRIGGER turns_claim_exchanges AFTER INSERT ON turns BEGIN
    UPDATE exchanges SET turn_id = new.id WHERE session_id = new.session_id AND started_at >= new.started_at
    AND started_at < coalesce(
        (SELECT min(started_at) FROM turns WHERE session_id = new.session_id AND started_at > new.started_at), '9999');
END;

-- What is forgotten takes its calls along. Later calls of the conversation have it in their bodies: these go, their rows stay.
CREATE TRIGGER forgotten_exchanges AFTER INSERT ON forgotten BEGIN
    DELETE FROM exchange_bodies WHERE exchange_id IN (
        SELECT id FROM exchanges WHERE started_at >= new.started_at AND (session_id = new.session_id OR agent_session_id IN (
            SELECT agent_session_id FROM exchanges WHERE session_id = new.session_id)));
    UPDATE exchanges SET bodies = 'forgotten' WHERE started_at >= new.started_at AND (session_id = new.session_id
        OR agent_session_id IN (SELECT agent_session_id FROM exchanges WHERE session_id = new.session_id));
    DELETE FROM exchanges WHERE (new.what = 'turn' AND turn_id = new.id) OR (new.what = 'session' AND session_id = new.id);
END;

-- When pieces were taken out: whoever knows their ids by heart has to look again.
CREATE TABLE exchange_sweeps (id INTEGER PRIMARY KEY, at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
