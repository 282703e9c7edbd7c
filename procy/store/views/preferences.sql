-- Which of two prompts for the same state of the code was better, by measurement: replayed corrections, and tries of one parent
-- of which one was kept and the other not. gain is that of chosen over rejected, in units of the score.
CREATE VIEW preferences AS
SELECT
    'replay' AS source, corrections.id AS correction_id, rejected_try_id, chosen_try_id, rejected, chosen,
    outcome ->> 'gain' AS gain, outcome ->> 'low' AS low, outcome ->> 'high' AS high, outcome ->> 'better' AS better,
    outcome ->> 'preferred' AS preferred, created_at AS at
FROM corrections
WHERE outcome IS NOT NULL AND replaced_by IS NULL AND deleted_at IS NULL
UNION ALL
SELECT
    'siblings', NULL, other.id, kept.id,
    iif(other.verdict IS 'edited', other.prompt, coalesce(other.proposed, other.prompt)), -- without the account that went before it
    iif(kept.verdict IS 'edited', kept.prompt, coalesce(kept.proposed, kept.prompt)),
    kept.score - other.score, NULL, NULL, kept.comparison ->> 'better', 'chosen', kept.ended_at
FROM tries AS kept
JOIN tries AS other ON other.run_id = kept.run_id AND other.parent_id = kept.parent_id AND other.id != kept.id
JOIN runs ON runs.id = kept.run_id AND runs.kind = 'evolve'
WHERE kept.decision = 'kept' AND kept.comparison ->> 'low' > 0 AND NOT kept.mixed AND NOT other.mixed
    AND (other.decision = 'reverted' OR other.status IN ('crash', 'timeout', 'tampered'))
    AND (other.score IS NULL OR other.score < kept.score);
