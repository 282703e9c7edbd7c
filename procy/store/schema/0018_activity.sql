-- When something last happened in a session, so that the newest of many are found by an index. ---------------------------

ALTER TABLE sessions ADD COLUMN active_at TEXT; -- when its last turn ended or began, else when it began itself; kept by triggers

UPDATE sessions SET active_at = coalesce(
    (SELECT coalesce(ended_at, started_at) FROM turns WHERE session_id = sessions.id ORDER BY seq DESC LIMIT 1), started_at
);
CREATE INDEX sessions_by_activity ON sessions (status IN ('recording', 'paused') DESC, active_at DESC, id DESC);

CREATE TRIGGER sessions_begin_to_be_active AFTER INSERT ON sessions BEGIN
    UPDATE sessions SET active_at = started_at WHERE id = new.id;
END;
CREATE TRIGGER sessions_began_at_another_time AFTER UPDATE OF started_at ON sessions
WHEN NOT EXISTS (SELECT 1 FROM turns WHERE session_id = new.id) BEGIN
    UPDATE sessions SET active_at = new.started_at WHERE id = new.id;
END;
CREATE TRIGGER turns_are_activity AFTER INSERT ON turns BEGIN
    UPDATE sessions SET active_at = coalesce(
        (SELECT coalesce(ended_at, started_at) FROM turns WHERE session_id = new.session_id ORDER BY seq DESC LIMIT 1), started_at
    ) WHERE id = new.session_id;
END;
CREATE TRIGGER turns_change_activity AFTER UPDATE OF session_id, seq, started_at, ended_at ON turns BEGIN
    UPDATE sessions SET active_at = coalesce(
        (SELECT coalesce(ended_at, started_at) FROM turns WHERE session_id = sessions.id ORDER BY seq DESC LIMIT 1), started_at
    ) WHERE id IN (old.session_id, new.session_id);
END;
CREATE TRIGGER turns_take_activity_along AFTER DELETE ON turns BEGIN
    UPDATE sessions SET active_at = coalesce(
        (SELECT coalesce(ended_at, started_at) FROM turns WHERE session_id = old.session_id ORDER BY seq DESC LIMIT 1), started_at
    ) WHERE id = old.session_id;
END;
