-- Most-used tools
--
-- Calls of each tool, how they ended, and how long one took on average.
-- :since first day, as in 2026-11-01; empty for all
SELECT
    name AS tool, sum(calls) AS calls, sum(ok) AS ok, sum(errors) AS failed,
    sum(denied) AS denied,
    round(1.0 * sum(duration_ms) / nullif(sum(timed), 0)) AS average_ms
FROM tool_activity
WHERE at >= coalesce(strftime('%Y-%m-%dT%H:%M', :since, 'utc'), '')
GROUP BY name ORDER BY calls DESC, tool
LIMIT 100
