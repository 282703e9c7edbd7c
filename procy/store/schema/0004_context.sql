-- How much room the agent's conversation has left, where it tells.

ALTER TABLE sessions ADD COLUMN context_left INTEGER; -- percent of the context window
