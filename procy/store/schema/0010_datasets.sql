-- Training data that was written, and whose words are in it. -----------------------------------------------------------

CREATE TABLE datasets (
    id TEXT PRIMARY KEY,
    method TEXT NOT NULL,    -- sft, dpo, kto, seed or all
    path TEXT NOT NULL,      -- where it was written
    rows INTEGER NOT NULL,
    sha256 TEXT NOT NULL,    -- of the hashes of its files
    latest TEXT,             -- when its newest row was made; the next incremental one begins behind it
    is_incremental INTEGER NOT NULL DEFAULT 0,
    manifest TEXT NOT NULL,  -- JSON: files, counts, what was left out and why, filters, versions
    created_at TEXT NOT NULL
);
CREATE INDEX datasets_created_at ON datasets (created_at);

CREATE TABLE dataset_sessions (
    dataset_id TEXT NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL, -- no reference: the files keep it when the session is forgotten
    PRIMARY KEY (session_id, dataset_id)
) WITHOUT ROWID;
