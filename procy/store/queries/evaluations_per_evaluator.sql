-- Evaluations per evaluator
--
-- How often each evaluator ran, how its runs ended, and how long they took.
SELECT
    evaluators.name, evaluators.root, count(*) AS evaluations, sum(status = 'ok') AS ok,
    sum(status = 'invalid') AS invalid,
    sum(status = 'crash') AS crash, sum(status = 'timeout') AS timeout,
    sum(status = 'infra') AS infra,
    sum(status = 'tampered') AS tampered, round(avg(duration_ms) / 1000, 2) AS mean_seconds,
    round(sum(duration_ms) / 3600000.0, 2) AS hours, max(started_at) AS last_at
FROM evaluations JOIN evaluators ON evaluators.id = evaluations.evaluator_id
GROUP BY evaluators.name, evaluators.root ORDER BY last_at DESC
LIMIT 200
