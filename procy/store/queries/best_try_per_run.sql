-- Best try per run
--
-- The prompt that each run ended up with, its score beside that of the start (larger is better), and what was claimed for it
-- when both were measured anew.
SELECT
    runs.id AS run_id, runs.started_at, runs.strategy, runs.status, best.id AS try_id,
    best.seq AS try,
    start.score AS start_score, best.score AS best_score, best.score - start.score AS gain,
    runs.claim ->> 'gain' AS claimed_gain, runs.claim ->> 'low' AS claimed_low,
    runs.claim ->> 'high' AS claimed_high,
    best.prompt, substr(runs.goal, 1, 200) AS goal
FROM runs
LEFT JOIN tries AS best ON best.id = runs.best_try_id
LEFT JOIN tries AS start ON start.run_id = runs.id AND start.seq = 0
WHERE runs.kind = 'evolve'
ORDER BY runs.started_at DESC
LIMIT 200
