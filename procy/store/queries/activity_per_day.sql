-- Activity per day
--
-- Turns by who asked: a human, procy, or an agent for its sub-agent. Days are those of this machine's time zone.
-- :since first day, as in 2026-11-01; empty for all
SELECT
    date(at, 'localtime') AS day,
    sum(turns * (activity.origin = 'human' AND (parent_id IS NULL OR pane_id IS NOT NULL))) AS human,
    sum(turns * (activity.origin = 'procy')) AS procy,
    sum(turns * (activity.origin = 'human' AND parent_id IS NOT NULL AND pane_id IS NULL)) AS sub_agents,
    sum(errors) AS errors,
    count(DISTINCT session_id) AS sessions
FROM activity JOIN sessions ON sessions.id = activity.session_id
WHERE at >= coalesce(strftime('%Y-%m-%dT%H:%M', :since, 'utc'), '')
GROUP BY day ORDER BY day
