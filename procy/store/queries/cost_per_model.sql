-- Cost and tokens per model
--
-- Agents that do not say which model answers have an empty one. Input has what was written to a cache in it, and not what was
-- read from one.
-- :since first day, as in 2026-11-01; empty for all
SELECT
    activity.model AS model,
    sum(turns) AS turns,
    sum(input_tokens + cache_write_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    CASE WHEN sum(priced) THEN sum(cost_nano) / 1e9 END AS cost_usd,
    sum(priced) AS turns_with_a_cost
FROM activity
WHERE at >= coalesce(strftime('%Y-%m-%dT%H:%M', :since, 'utc'), '')
GROUP BY activity.model ORDER BY cost_usd DESC,
    sum(input_tokens + cache_write_tokens + output_tokens) DESC, turns DESC
LIMIT 100
