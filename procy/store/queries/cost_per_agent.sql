-- Cost and tokens per agent
--
-- The agent is the profile that a session was recorded with. Input has what was written to a cache in it, and not what was
-- read from one.
-- :since first day, as in 2026-11-01; empty for all
SELECT
    sessions.agent AS agent,
    sum(turns) AS turns,
    sum(input_tokens + cache_write_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    CASE WHEN sum(priced) THEN sum(cost_nano) / 1e9 END AS cost_usd,
    sum(priced) AS turns_with_a_cost
FROM activity JOIN sessions ON sessions.id = activity.session_id
WHERE at >= coalesce(strftime('%Y-%m-%dT%H:%M', :since, 'utc'), '')
GROUP BY sessions.agent ORDER BY cost_usd DESC,
    sum(input_tokens + cache_write_tokens + output_tokens) DESC, turns DESC
LIMIT 100
