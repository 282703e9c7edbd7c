-- Tokens per session
--
-- What each session used. The cost is that of its turns, and beside it what the agent itself says of the whole conversation.
-- :since first day, as in 2026-11-01; empty for all
SELECT
    sessions.id AS session_id, sessions.name, sessions.agent, sessions.cwd, sum(turns) AS turns,
    sum(input_tokens + cache_write_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    CASE WHEN sum(priced) THEN sum(cost_nano) / 1e9 END AS cost_of_turns_usd,
    sessions.cost_usd AS cost_by_the_agent_usd
FROM activity JOIN sessions ON sessions.id = activity.session_id
WHERE at >= coalesce(strftime('%Y-%m-%dT%H:%M', :since, 'utc'), '')
GROUP BY sessions.id ORDER BY sum(input_tokens + cache_write_tokens + output_tokens) DESC
LIMIT 200
