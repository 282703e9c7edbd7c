-- Turns that went wrong
--
-- Turns that ended in an error or were interrupted, newest first.
-- :since first day, as in 2026-11-01; empty for all
SELECT
    turns.id AS turn_id, turns.started_at, turns.status, turns.error, sessions.agent,
    turns.model, sessions.cwd,
    turns.duration_ms / 1000.0 AS seconds, substr(turns.prompt, 1, 400) AS prompt
FROM turns JOIN sessions ON sessions.id = turns.session_id
WHERE turns.started_at >= coalesce(strftime('%Y-%m-%dT%H:%M', :since, 'utc'), '')
    AND turns.status IN ('error', 'interrupted')
ORDER BY turns.started_at DESC
LIMIT 500
