-- Corrections that are seen and changed on pages.

-- Grows with every change of any correction: whoever knows the highest number can ask what it has missed.
ALTER TABLE corrections ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
CREATE INDEX corrections_revision ON corrections (revision);
CREATE INDEX corrections_created_at ON corrections (created_at, id, replaced_by, deleted_at, author, turn_id, try_id);
CREATE INDEX corrections_by_try ON corrections (try_id) WHERE try_id IS NOT NULL;

-- Of each prompt the newest that is not deleted counts; each other one that is not deleted is replaced by the next.
UPDATE corrections SET replaced_by = (
    SELECT later.id FROM corrections AS later
    WHERE later.deleted_at IS NULL AND later.rowid > corrections.rowid
        AND (later.turn_id = corrections.turn_id OR later.try_id = corrections.try_id)
    ORDER BY later.rowid LIMIT 1
)
WHERE deleted_at IS NULL AND replaced_by IS NULL;

CREATE TRIGGER corrections_are_new AFTER INSERT ON corrections BEGIN
    UPDATE corrections SET revision = (SELECT max(revision) + 1 FROM corrections) WHERE rowid = new.rowid;
END;
CREATE TRIGGER corrections_are_changed AFTER UPDATE OF turn_id, try_id, replaced_by, deleted_at, outcome, replay_id ON corrections
BEGIN
    UPDATE corrections SET revision = (SELECT max(revision) + 1 FROM corrections) WHERE rowid = new.rowid;
END;
CREATE TRIGGER corrections_keep_their_words BEFORE UPDATE OF rejected, chosen, note, author, created_at ON corrections
BEGIN SELECT raise(ABORT, 'a correction is never overwritten'); END;
