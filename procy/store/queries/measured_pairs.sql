-- Pairs with a measured preference
--
-- Two prompts for the same state of the code of which one was better by measurement: replayed corrections, and tries of one
-- parent.
-- :source replay or siblings; empty for both
SELECT source, at, preferred, gain, low, high, better, rejected, chosen, rejected_try_id,
    chosen_try_id, correction_id
FROM preferences
WHERE :source IN ('', source)
ORDER BY at DESC
LIMIT 500
