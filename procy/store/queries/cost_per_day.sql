-- Cost and tokens per day
--
-- Cost is in US dollars, of the turns whose cost is known. Input has what was written to a cache in it, and not what was read
-- from one.
-- :since first day, as in 2026-11-01; empty for all
SELECT
    date(at, 'localtime') AS day,
    CASE WHEN sum(priced) THEN sum(cost_nano) / 1e9 END AS cost_usd,
    sum(input_tokens + cache_write_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    sum(turns) AS turns,
    sum(priced) AS turns_with_a_cost
FROM activity
WHERE at >= coalesce(strftime('%Y-%m-%dT%H:%M', :since, 'utc'), '')
GROUP BY day ORDER BY day
