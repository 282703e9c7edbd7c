-- Prompts I corrected most
--
-- The same prompt, however often and wherever it was corrected, and what it was last corrected to. Corrections that were replaced
-- count; deleted ones do not.
SELECT
    rejected AS prompt, count(*) AS times_corrected, count(DISTINCT turn_id) AS turns,
    max(created_at) AS last_at,
    chosen AS last_chosen, note AS last_note -- of the row that has max(created_at)
FROM corrections
WHERE deleted_at IS NULL
GROUP BY rejected ORDER BY times_corrected DESC, last_at DESC
LIMIT 200
