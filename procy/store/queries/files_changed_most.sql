-- Files changed most often
--
-- In how many turns and sessions each file was changed.
-- :since first day, as in 2026-11-01; empty for all
-- :directory what the path begins with, as in /home/me/project/; empty for all
SELECT
    turn_files.path, count(*) AS turns, count(DISTINCT turns.session_id) AS sessions,
    sum(change = 'added') AS added,
    sum(change = 'modified') AS modified, sum(change = 'deleted') AS deleted,
    max(turns.started_at) AS last_at
FROM turns CROSS JOIN turn_files ON turn_files.turn_id = turns.id
WHERE turns.started_at >= coalesce(strftime('%Y-%m-%dT%H:%M', :since, 'utc'), '')
    AND substr(turn_files.path, 1, length(:directory)) = :directory
GROUP BY turn_files.path ORDER BY turns DESC, last_at DESC
LIMIT 200
