-- Redaction of what was stored before. ----------------------------------------------------------------------------------

-- A row while `procy redact` rewrites, within its transaction: only then may the words of a correction change.
CREATE TABLE redacting (at TEXT NOT NULL);

DROP TRIGGER corrections_keep_their_words;
CREATE TRIGGER corrections_keep_their_words BEFORE UPDATE OF rejected, chosen, note, author, created_at ON corrections
WHEN NOT EXISTS (SELECT 1 FROM redacting)
BEGIN SELECT raise(ABORT, 'a correction is never overwritten'); END;
DROP TRIGGER corrections_are_changed;
CREATE TRIGGER corrections_are_changed
AFTER UPDATE OF turn_id, try_id, rejected, chosen, note, replaced_by, deleted_at, outcome, replay_id ON corrections
BEGIN
    UPDATE corrections SET revision = (SELECT max(revision) + 1 FROM corrections) WHERE rowid = new.rowid;
END;
