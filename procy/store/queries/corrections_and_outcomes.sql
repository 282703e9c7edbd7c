-- Corrections and their measured outcome
--
-- Each correction that stands; measured ones (procy replay) with the gain of the chosen prompt over the rejected one, its
-- interval, and which of the two was preferred.
SELECT
    id AS correction_id, turn_id, try_id, created_at, author, rejected, chosen, note,
    outcome ->> 'preferred' AS preferred, outcome ->> 'gain' AS gain, outcome ->> 'low' AS low,
    outcome ->> 'high' AS high,
    outcome ->> 'better' AS better, replay_id AS run_id
FROM corrections
WHERE replaced_by IS NULL AND deleted_at IS NULL
ORDER BY outcome IS NULL, created_at DESC
LIMIT 500
