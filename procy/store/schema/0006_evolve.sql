-- What judges a state of the code, and every time it did. --------------------------------------------------------------

CREATE TABLE evaluators (
    id TEXT PRIMARY KEY,
    session_id TEXT,         -- in which it was set or generated, where there was one
    name TEXT NOT NULL,
    root TEXT NOT NULL,      -- the work tree that it judges
    definition TEXT NOT NULL, -- JSON of the contract
    files TEXT NOT NULL,     -- JSON: path in the work tree → SHA-256 of what is pinned
    sha256 TEXT NOT NULL,    -- of definition and files together
    created_at TEXT NOT NULL
);
CREATE INDEX evaluators_root ON evaluators (root, created_at);

CREATE TABLE evaluations (
    id TEXT PRIMARY KEY,
    evaluator_id TEXT NOT NULL REFERENCES evaluators (id),
    try_id TEXT,             -- whose commit it is
    for_try_id TEXT,         -- in whose comparison it was measured; of an incumbent that is another one
    turn_id TEXT,
    commit_sha TEXT NOT NULL,
    stage TEXT NOT NULL,     -- smoke, full, confirm
    purpose TEXT NOT NULL DEFAULT 'run' CHECK (purpose IN ('run', 'baseline', 'try', 'confirm', 'incumbent', 'claim', 'doctor')),
    seed INTEGER,
    status TEXT NOT NULL CHECK (status IN ('ok', 'invalid', 'crash', 'timeout', 'infra', 'tampered')),
    reason TEXT,             -- of any status but ok, in words
    metrics TEXT,            -- JSON
    score REAL,              -- the objective, larger is always better; NULL for every status but ok
    instances TEXT,          -- JSON: metrics of each
    feedback TEXT,           -- JSON: what the evaluator has to say to whoever writes the next prompt
    artifacts TEXT,          -- JSON
    output TEXT,             -- the end of what it printed
    exit_code INTEGER,
    duration_ms INTEGER,
    started_at TEXT NOT NULL,
    host TEXT,
    load REAL                -- of the host when it began
);
CREATE INDEX evaluations_evaluator ON evaluations (evaluator_id, started_at);
CREATE INDEX evaluations_try ON evaluations (try_id) WHERE try_id IS NOT NULL;
CREATE INDEX evaluations_for_try ON evaluations (for_try_id) WHERE for_try_id IS NOT NULL;
CREATE INDEX evaluations_commit ON evaluations (commit_sha);

-- The loop: a run and its tries. ---------------------------------------------------------------------------------------

CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    session_id TEXT,         -- of the pane that it was started from
    evaluator_id TEXT REFERENCES evaluators (id),
    kind TEXT NOT NULL DEFAULT 'evolve' CHECK (kind IN ('evolve', 'replay')),
    mode TEXT NOT NULL DEFAULT 'lanes' CHECK (mode IN ('lanes', 'here', 'headless')),
    strategy TEXT NOT NULL,
    proposer TEXT NOT NULL,
    goal TEXT NOT NULL,
    budget TEXT NOT NULL,    -- JSON: tries, seconds, tokens, usd, evaluator_seconds, stall; what is not given is not limited
    options TEXT NOT NULL,   -- JSON: everything else that a resumed loop needs
    root TEXT NOT NULL,      -- the user's work tree
    base_sha TEXT NOT NULL,  -- the commit that it starts from
    status TEXT NOT NULL CHECK (status IN ('running', 'paused', 'stopped', 'done', 'failed')),
    wanted TEXT NOT NULL DEFAULT 'run' CHECK (wanted IN ('run', 'stop')),
    reason TEXT,             -- why it is paused, stopped, done or failed
    best_try_id TEXT,
    claim TEXT,              -- JSON: the best against the start, measured for this alone: gain, low, high, better, pairs
    seconds REAL NOT NULL DEFAULT 0, -- for which it has been at work
    started_at TEXT NOT NULL,
    ended_at TEXT
);
CREATE INDEX runs_started_at ON runs (started_at);
CREATE INDEX runs_session ON runs (session_id) WHERE session_id IS NOT NULL;

CREATE TABLE tries (
    id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,    -- 0 is the start itself, measured and not prompted
    parent_id TEXT,
    step TEXT NOT NULL,      -- what comes next; done when nothing does
    lane INTEGER,
    host TEXT,
    prompt TEXT,
    prompt_source TEXT CHECK (prompt_source IN ('model', 'template', 'human', 'agent')),
    proposed TEXT,           -- what the proposer wrote, where a human made another prompt of it
    verdict TEXT CHECK (verdict IN ('approved', 'edited', 'vetoed')), -- of a human who was asked
    session_id TEXT,         -- of the lane's pane
    injection_id TEXT,
    turn_id TEXT,
    response TEXT,           -- of a turn that is recorded on another host
    conversation TEXT,       -- the agent's own name of its conversation after the turn
    commit_sha TEXT,
    mixed INTEGER NOT NULL DEFAULT 0, -- a human typed in the pane during it
    status TEXT,             -- as in evaluations, or: vetoed, unanswered, interrupted, unchanged
    score REAL,              -- mean of its own samples
    metrics TEXT,            -- JSON: their means
    comparison TEXT,         -- JSON: against its incumbent: gain, low, high, better (probability), pairs
    decision TEXT CHECK (decision IN ('kept', 'reverted', 'failed')),
    reason TEXT,
    notes TEXT,              -- JSON: what the strategy wants to remember: island, cell
    started_at TEXT NOT NULL,
    ended_at TEXT,
    UNIQUE (run_id, seq)
);
CREATE INDEX tries_turn ON tries (turn_id) WHERE turn_id IS NOT NULL;
CREATE INDEX tries_injection ON tries (injection_id) WHERE injection_id IS NOT NULL;

-- What both prompts of a pair were worth, from the same state of the code.
ALTER TABLE corrections ADD COLUMN replay_id TEXT;       -- the run that measured it
ALTER TABLE corrections ADD COLUMN rejected_try_id TEXT;
ALTER TABLE corrections ADD COLUMN chosen_try_id TEXT;
ALTER TABLE corrections ADD COLUMN outcome TEXT;         -- JSON: gain of chosen over rejected, low, high, better, preferred
