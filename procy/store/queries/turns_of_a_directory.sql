-- Turns of a directory
--
-- Everything that was asked in sessions of a directory and below it, newest first.
-- :directory as in /home/me/project; empty for all
-- :since first day, as in 2026-11-01; empty for all
SELECT
    turns.id AS turn_id, turns.started_at, turns.origin, sessions.agent,
    sessions.name AS session, turns.status,
    turns.duration_ms / 1000.0 AS seconds, turns.tool_count, turns.cost_usd,
    substr(turns.prompt, 1, 400) AS prompt,
    sessions.cwd
FROM turns JOIN sessions ON sessions.id = turns.session_id
WHERE turns.started_at >= coalesce(strftime('%Y-%m-%dT%H:%M', :since, 'utc'), '')
    AND (:directory = '' OR sessions.cwd = rtrim(:directory, '/')
         OR substr(sessions.cwd, 1, length(rtrim(:directory, '/')) + 1) = rtrim(:directory, '/') || '/')
ORDER BY turns.started_at DESC
LIMIT 500
