-- Sessions by directory
--
-- Where the work was: sessions with a turn in them, those of sub-agents included, and what they used.
-- :since first day, as in 2026-11-01; empty for all
SELECT
    sessions.cwd AS directory, count(DISTINCT activity.session_id) AS sessions,
    sum(turns) AS turns,
    sum(input_tokens + cache_write_tokens + output_tokens) AS tokens,
    CASE WHEN sum(priced) THEN sum(cost_nano) / 1e9 END AS cost_usd, max(at) AS last_at
FROM activity JOIN sessions ON sessions.id = activity.session_id
WHERE at >= coalesce(strftime('%Y-%m-%dT%H:%M', :since, 'utc'), '')
GROUP BY sessions.cwd ORDER BY sum(turns) DESC, directory
LIMIT 100
