-- What procy typed, and how it ended
--
-- Prompts that procy sent into panes: whether they were seen to arrive, and what became of the turn that they began.
-- :since first day, as in 2026-11-01; empty for all
SELECT
    injections.at, injections.session_id, injections.status, injections.confirmed_by,
    injections.turn_id, turns.status AS turn,
    turns.duration_ms / 1000.0 AS seconds, turns.tool_count, tries.id AS try_id, tries.decision,
    tries.score,
    substr(injections.text, 1, 400) AS text
FROM injections
LEFT JOIN turns ON turns.id = injections.turn_id
LEFT JOIN tries ON tries.injection_id = injections.id
WHERE injections.at >= coalesce(strftime('%Y-%m-%dT%H:%M', :since, 'utc'), '')
ORDER BY injections.at DESC
LIMIT 500
