-- Who told of a turn: its transcript, stream, screen, or the wire. ----------------------------------------------------------

-- One row for each source of a turn. Kept when turns are derived again, so that a turn has the id by which it was known first.
CREATE TABLE turn_sources (
    id TEXT PRIMARY KEY,     -- what the turn's id would be had nobody else told of it
    turn_id TEXT NOT NULL,   -- no reference: a turn is derived, and may be derived again
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    source TEXT NOT NULL CHECK (source IN ('transcript', 'stream', 'wire', 'screen')),
    agent_session_id TEXT,   -- the conversation, where the source names it
    started_at TEXT NOT NULL,
    ended_at TEXT,
    terminal_from INTEGER,
    terminal_to INTEGER,
    told INTEGER NOT NULL DEFAULT 1 -- 0: what it was made from does not tell of it any more; its id is remembered
);
CREATE INDEX turn_sources_turn ON turn_sources (turn_id);
CREATE INDEX turn_sources_session ON turn_sources (session_id, source, started_at);

INSERT INTO turn_sources
SELECT id, id, session_id, source, agent_session_id, started_at, ended_at, terminal_from, terminal_to, 1 FROM turns;

-- Where tokens and model come from; NULL while nobody told.
ALTER TABLE turns ADD COLUMN usage_from TEXT;
UPDATE turns SET usage_from = source WHERE coalesce(input_tokens, output_tokens) IS NOT NULL;

-- A turn whose own source tells no tokens has those of its exchanges, whichever of the two rows comes last.
CREATE TRIGGER exchanges_fill_turn AFTER UPDATE OF turn_id, outcome, input_tokens, output_tokens ON exchanges
WHEN new.turn_id IS NOT NULL AND coalesce(new.input_tokens, new.output_tokens) IS NOT NULL BEGIN
    UPDATE turns SET
        (input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd) = (
            SELECT sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_tokens),
                   sum(reasoning_tokens), sum(cost_usd) FROM exchanges WHERE turn_id = new.turn_id
        ),
        model = coalesce(model, new.model), usage_from = 'wire'
    WHERE id = new.turn_id AND coalesce(usage_from, 'wire') = 'wire';
END;

-- A session may be written as JSON, or told to a collector, too.
ALTER TABLE exports RENAME TO old_exports;
DROP INDEX exports_session;
CREATE TABLE exports (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL, -- kept when the session is forgotten
    turn_ids TEXT,           -- JSON list, or NULL for the whole session
    kind TEXT NOT NULL CHECK (kind IN ('cast', 'md', 'raw', 'html', 'json', 'otlp')),
    path TEXT,               -- NULL: standard output
    created_at TEXT NOT NULL,
    sha256 TEXT NOT NULL     -- of what was written
);
INSERT INTO exports SELECT * FROM old_exports;
DROP TABLE old_exports;
CREATE INDEX exports_session ON exports (session_id);
