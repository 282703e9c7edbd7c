-- Everything in one line
--
-- Turns, sessions, tokens and cost. The last two columns are of sessions of which the agent says the cost as a whole, and no
-- turn's is known.
-- :since first day, as in 2026-11-01; empty for all
SELECT
    count(*) AS sessions, sum(turns) AS turns, sum(human) AS human, sum(procy) AS procy,
    sum(sub_agents) AS sub_agents,
    sum(errors) AS errors, sum(input) AS input_tokens, sum(output) AS output_tokens,
    sum(cache_read) AS cache_read_tokens,
    CASE WHEN sum(priced) THEN sum(nano) / 1e9 END AS cost_usd,
    sum(priced) AS turns_with_a_cost,
    sum(priced = 0 AND stated IS NOT NULL) AS sessions_with_a_cost_only,
    sum(iif(priced = 0, stated, NULL)) AS their_cost_usd
FROM (
    SELECT
        sum(turns) AS turns, sum(turns * (activity.origin = 'procy')) AS procy,
        sum(errors) AS errors, sum(priced) AS priced,
        sum(turns * (activity.origin = 'human' AND (parent_id IS NULL OR pane_id IS NOT NULL))) AS human,
        sum(turns * (activity.origin = 'human' AND parent_id IS NOT NULL AND pane_id IS NULL)) AS sub_agents,
        sum(input_tokens + cache_write_tokens) AS input, sum(output_tokens) AS output,
        sum(cache_read_tokens) AS cache_read,
        sum(cost_nano) AS nano, max(sessions.cost_usd) AS stated
    FROM activity JOIN sessions ON sessions.id = activity.session_id
    WHERE at >= coalesce(strftime('%Y-%m-%dT%H:%M', :since, 'utc'), '')
    GROUP BY activity.session_id
)
