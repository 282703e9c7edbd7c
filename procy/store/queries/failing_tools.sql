-- Failing tools
--
-- The share of calls that failed, of those that failed or went well; what a human denied is in neither.
-- :since first day, as in 2026-11-01; empty for all
-- :least how many such calls a tool has to have; empty for 1
SELECT
    name AS tool, round(100.0 * sum(errors) / sum(ok + errors), 1) AS failed_percent,
    sum(errors) AS failed, sum(ok + errors) AS calls, sum(denied) AS denied
FROM tool_activity
WHERE at >= coalesce(strftime('%Y-%m-%dT%H:%M', :since, 'utc'), '')
GROUP BY name HAVING sum(errors) > 0 AND sum(ok + errors) >= CAST(:least AS INTEGER)
ORDER BY failed_percent DESC, failed DESC, tool
LIMIT 100
