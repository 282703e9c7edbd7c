-- What is served as the proxy model, and what was served before. --------------------------------------------------------

CREATE TABLE servings (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,      -- that it is requested by
    adapter_id TEXT,         -- NULL: the base alone; no reference, for a forgotten adapter has been served all the same
    adapter_path TEXT,
    base TEXT NOT NULL,      -- as the engine is given it
    engine TEXT NOT NULL,    -- vllm or transformers
    place TEXT NOT NULL,     -- local or ssh:HOST
    url TEXT NOT NULL,       -- here, ends in /v1
    status TEXT NOT NULL CHECK (status IN ('starting', 'ready', 'replaced', 'stopped', 'failed')),
    server TEXT NOT NULL,    -- JSON: pid and its start (where it runs), port, log, folder; of a tunnel the same. Two rows may share one
    arguments TEXT NOT NULL, -- JSON: what it was asked for with, so that it can be started again
    canary TEXT,             -- JSON: what was answered to the stored prompts, beside what was expected
    previous_id TEXT,        -- what was served before it: one step back
    reason TEXT,             -- of failed and stopped, in words
    started_at TEXT NOT NULL,
    ready_at TEXT,
    ended_at TEXT
);
CREATE UNIQUE INDEX servings_ready ON servings (status) WHERE status = 'ready';
CREATE INDEX servings_started_at ON servings (started_at);

-- Adapters that were measured against their base or each other. --------------------------------------------------------

CREATE TABLE comparisons (
    id TEXT PRIMARY KEY,
    adapter_id TEXT,
    adapter TEXT NOT NULL,   -- its name
    against TEXT NOT NULL,   -- base, or an adapter's name
    against_id TEXT,
    kind TEXT NOT NULL CHECK (kind IN ('pairs', 'runs')),
    data TEXT,               -- the folder or the runs that it was measured on
    data_sha256 TEXT,
    verdict TEXT NOT NULL CHECK (verdict IN ('better', 'worse', 'open')),
    result TEXT NOT NULL,    -- JSON: every measure with its interval, counts, what a claim would need
    created_at TEXT NOT NULL
);
CREATE INDEX comparisons_adapter ON comparisons (adapter, created_at);
