-- Trainings of the proxy model, how each went, and the adapters that came of them. --------------------------------------

CREATE TABLE trainings (
    id TEXT PRIMARY KEY,
    method TEXT NOT NULL,    -- sft, dpo, kto or sft+dpo
    model TEXT NOT NULL,     -- the base: a folder or a name, as the place of the training knows it
    place TEXT NOT NULL,     -- local, ray:ADDRESS or ssh:HOST
    dataset_id TEXT,         -- no reference: it may be of another procy
    data_sha256 TEXT,        -- of the data's manifest
    arguments TEXT NOT NULL, -- JSON: what the trainer was told, as data
    folder TEXT NOT NULL,    -- here: data, log, progress.jsonl, and in `adapter` what came of it
    status TEXT NOT NULL CHECK (status IN ('waiting', 'running', 'done', 'failed', 'cancelled', 'lost')),
    job TEXT,                -- JSON: how it is found again
    progress TEXT,           -- JSON: the last line that it said
    error TEXT,              -- what went wrong, and what to do
    started_at TEXT NOT NULL,
    ended_at TEXT
);
CREATE INDEX trainings_started_at ON trainings (started_at);

-- Every line of progress.jsonl: the loss curve.
CREATE TABLE training_steps (
    training_id TEXT NOT NULL REFERENCES trainings (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,    -- from 1
    at TEXT NOT NULL,
    line TEXT NOT NULL,      -- JSON
    PRIMARY KEY (training_id, seq)
) WITHOUT ROWID;

CREATE TABLE adapters (
    id TEXT PRIMARY KEY,
    training_id TEXT REFERENCES trainings (id) ON DELETE SET NULL,
    name TEXT NOT NULL,      -- as it is asked for when it is served
    path TEXT NOT NULL,      -- folder: peft's files and procy.json
    method TEXT NOT NULL,
    base TEXT NOT NULL,
    base_sha256 TEXT NOT NULL, -- fingerprint: see docs/learn.md
    sha256 TEXT NOT NULL,    -- of its weights
    dataset_sha256 TEXT,
    canary TEXT NOT NULL,    -- JSON: prompts with the answers of adapter and base
    held_out TEXT,           -- JSON: figures before and after
    versions TEXT NOT NULL,  -- JSON: libraries that made it
    created_at TEXT NOT NULL,
    deleted_at TEXT
);
CREATE UNIQUE INDEX adapters_name ON adapters (name) WHERE deleted_at IS NULL;
CREATE INDEX adapters_created_at ON adapters (created_at);
