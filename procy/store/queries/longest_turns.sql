-- Longest turns
--
-- From the prompt until the agent was ready again, questions that it waited with included.
-- :since first day, as in 2026-11-01; empty for all
SELECT
    turns.id AS turn_id, turns.duration_ms / 1000.0 AS seconds, turns.started_at, turns.origin,
    turns.status, turns.tool_count,
    sessions.agent, sessions.name AS session, sessions.cwd,
    substr(turns.prompt, 1, 200) AS prompt
FROM turns INDEXED BY turns_duration JOIN sessions ON sessions.id = turns.session_id
WHERE turns.started_at >= coalesce(strftime('%Y-%m-%dT%H:%M', :since, 'utc'), '')
    AND turns.duration_ms > 0
ORDER BY turns.duration_ms DESC
LIMIT 20
