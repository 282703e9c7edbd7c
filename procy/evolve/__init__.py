"""The loop: prompt, agent, evaluator, keep or revert, and again."""
