-- Evolve: gain per strategy
--
-- How often a strategy's tries were kept, and what its runs gained over their start, in percent of the start's score. Runs of
-- different goals are not alike: look at the runs before you believe a mean.
SELECT
    strategy, proposer, count(*) AS runs, sum(tries) AS tries, sum(kept) AS kept,
    sum(failed) AS failed,
    sum(gain > 0) AS runs_that_gained, round(avg(gain_percent), 2) AS mean_gain_percent,
    round(max(gain_percent), 2) AS most_percent,
    round(sum(seconds) / 3600, 2) AS hours
FROM (
    SELECT
        runs.strategy, runs.proposer, runs.seconds, best.score - start.score AS gain,
        100 * (best.score - start.score) / nullif(abs(start.score), 0) AS gain_percent,
        (SELECT count(*) FROM tries WHERE run_id = runs.id AND seq > 0 AND step = 'done') AS tries,
        (SELECT count(*) FROM tries WHERE run_id = runs.id AND seq > 0 AND decision = 'kept') AS kept,
        (SELECT count(*) FROM tries WHERE run_id = runs.id AND seq > 0 AND decision = 'failed') AS failed
    FROM runs
    LEFT JOIN tries AS best ON best.id = runs.best_try_id
    LEFT JOIN tries AS start ON start.run_id = runs.id AND start.seq = 0
    WHERE runs.kind = 'evolve'
)
GROUP BY strategy, proposer ORDER BY runs DESC, strategy
