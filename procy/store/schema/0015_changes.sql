-- What a turn changed, by git: the trees of the work tree where it began and where it ended. -----------------------------

-- Written when it happened, and not made again. Without a reference: a turn is derived.
CREATE TABLE turn_snapshots (
    turn_id TEXT NOT NULL,   -- or the session's own id: where it began
    moment TEXT NOT NULL CHECK (moment IN ('before', 'after')),
    session_id TEXT NOT NULL,
    root TEXT NOT NULL,      -- of the work tree
    git_dir TEXT NOT NULL,   -- of its repository, which all its work trees share
    tree TEXT,               -- git's name of it; NULL where it could not be had
    ref TEXT,                -- that keeps it; NULL where nothing does
    head TEXT,               -- the commit that was checked out, where there was one
    at TEXT NOT NULL,        -- when it was begun
    late_ms INTEGER NOT NULL, -- after the turn's begin or end; 0 where an earlier snapshot made it good
    took_ms INTEGER NOT NULL,
    left_out TEXT,           -- JSON: big, secret, nested, unreadable: paths; ignored: how many
    reason TEXT,             -- why there is no tree
    PRIMARY KEY (turn_id, moment)
) WITHOUT ROWID;
CREATE INDEX turn_snapshots_session ON turn_snapshots (session_id);
CREATE INDEX turn_snapshots_root ON turn_snapshots (root, at);

-- The files that differ between the two, masked. They take the place of what the agent's tools told in `turn_files`.
CREATE TABLE git_files (
    turn_id TEXT NOT NULL,
    path TEXT NOT NULL,
    change TEXT NOT NULL,    -- added, modified, deleted
    diff TEXT,
    why TEXT,                -- there is no diff: binary, long
    PRIMARY KEY (turn_id, path)
) WITHOUT ROWID;

CREATE TRIGGER forgotten_changes AFTER INSERT ON forgotten BEGIN
    DELETE FROM git_files WHERE turn_id = new.id
        OR turn_id IN (SELECT turn_id FROM turn_snapshots WHERE session_id = new.id);
    DELETE FROM turn_snapshots WHERE turn_id = new.id OR session_id = new.id;
END;
