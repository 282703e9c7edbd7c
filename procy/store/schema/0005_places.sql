-- Where in tmux a recorded pane was when it was last looked at, by which it is known again after tmux or the machine was
-- started anew.
CREATE TABLE session_places (
    session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    tmux_session TEXT NOT NULL,
    window INTEGER NOT NULL, -- index in the tmux session
    pane INTEGER NOT NULL,   -- index in the window
    cwd TEXT NOT NULL,
    declined_ns INTEGER      -- when somebody did not want the agent resumed
);
