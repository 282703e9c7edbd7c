-- What the overview sums up, kept by triggers: a sum over all turns would read every prompt and answer. -----------------
-- Times are half hours in UTC (2026-11-20T12:30), of which the days of every time zone but a few can be put together; costs
-- are whole billionths of a dollar, so that adding and taking away leaves nothing behind.

-- Turns of a session in half an hour. Derived from `turns` by triggers.
CREATE TABLE activity (
    at TEXT NOT NULL,        -- half hour in which they began
    session_id TEXT NOT NULL,
    origin TEXT NOT NULL,
    model TEXT NOT NULL,     -- '' where the agent does not say
    turns INTEGER NOT NULL,
    errors INTEGER NOT NULL, -- of the turns, those that ended in one
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    priced INTEGER NOT NULL, -- of the turns, those whose cost is known
    cost_nano INTEGER NOT NULL, -- billionths of a US dollar
    PRIMARY KEY (at, session_id, origin, model)
) WITHOUT ROWID;

-- Calls of a tool in turns that began in half an hour. Derived from `tool_calls` by triggers.
CREATE TABLE tool_activity (
    at TEXT NOT NULL,        -- half hour in which the turns began
    name TEXT NOT NULL,
    calls INTEGER NOT NULL,
    ok INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    denied INTEGER NOT NULL,
    timed INTEGER NOT NULL,  -- of the calls, those whose duration is known
    duration_ms INTEGER NOT NULL,
    PRIMARY KEY (at, name)
) WITHOUT ROWID;

ALTER TABLE turns ADD COLUMN duration_ms INTEGER GENERATED ALWAYS AS
    (CAST(round((julianday(ended_at) - julianday(started_at)) * 86400000) AS INTEGER)) VIRTUAL;
CREATE INDEX turns_duration ON turns (duration_ms, started_at);
CREATE INDEX turns_origin ON turns (origin, started_at);
CREATE INDEX tries_started_at ON tries (started_at, id);
CREATE INDEX tries_parent ON tries (run_id, parent_id);
CREATE INDEX tries_kept ON tries (run_id) WHERE decision = 'kept';

INSERT INTO activity
SELECT substr(started_at, 1, 14) || iif(substr(started_at, 15, 2) < '30', '00', '30') AS half_hour, session_id, origin,
       coalesce(model, ''), count(*), sum(status = 'error'), sum(coalesce(input_tokens, 0)), sum(coalesce(output_tokens, 0)),
       sum(coalesce(cache_read_tokens, 0)), sum(coalesce(cache_write_tokens, 0)), count(cost_usd),
       sum(CAST(round(coalesce(cost_usd, 0) * 1e9) AS INTEGER))
FROM turns GROUP BY 1, 2, 3, 4;

INSERT INTO tool_activity
SELECT substr(turns.started_at, 1, 14) || iif(substr(turns.started_at, 15, 2) < '30', '00', '30'), name, count(*),
       sum(tool_calls.status = 'ok'), sum(tool_calls.status = 'error'), sum(tool_calls.status = 'denied'),
       count(tool_calls.duration_ms), sum(coalesce(tool_calls.duration_ms, 0))
FROM tool_calls JOIN turns ON turns.id = turn_id GROUP BY 1, 2;

CREATE TRIGGER turns_activity_insert AFTER INSERT ON turns BEGIN
    INSERT INTO activity VALUES (
        substr(new.started_at, 1, 14) || iif(substr(new.started_at, 15, 2) < '30', '00', '30'), new.session_id, new.origin,
        coalesce(new.model, ''), 1, new.status = 'error', coalesce(new.input_tokens, 0), coalesce(new.output_tokens, 0),
        coalesce(new.cache_read_tokens, 0), coalesce(new.cache_write_tokens, 0), new.cost_usd IS NOT NULL,
        CAST(round(coalesce(new.cost_usd, 0) * 1e9) AS INTEGER)
    ) ON CONFLICT (at, session_id, origin, model) DO UPDATE SET
        turns = turns + 1, errors = errors + excluded.errors, input_tokens = input_tokens + excluded.input_tokens,
        output_tokens = output_tokens + excluded.output_tokens,
        cache_read_tokens = cache_read_tokens + excluded.cache_read_tokens,
        cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens,
        priced = priced + excluded.priced, cost_nano = cost_nano + excluded.cost_nano;
END;

CREATE TRIGGER turns_activity_delete AFTER DELETE ON turns BEGIN
    UPDATE activity SET
        turns = turns - 1, errors = errors - (old.status = 'error'), input_tokens = input_tokens - coalesce(old.input_tokens, 0),
        output_tokens = output_tokens - coalesce(old.output_tokens, 0),
        cache_read_tokens = cache_read_tokens - coalesce(old.cache_read_tokens, 0),
        cache_write_tokens = cache_write_tokens - coalesce(old.cache_write_tokens, 0),
        priced = priced - (old.cost_usd IS NOT NULL),
        cost_nano = cost_nano - CAST(round(coalesce(old.cost_usd, 0) * 1e9) AS INTEGER)
    WHERE at = substr(old.started_at, 1, 14) || iif(substr(old.started_at, 15, 2) < '30', '00', '30')
        AND session_id = old.session_id AND origin = old.origin AND model = coalesce(old.model, '');
    DELETE FROM activity
    WHERE at = substr(old.started_at, 1, 14) || iif(substr(old.started_at, 15, 2) < '30', '00', '30')
        AND session_id = old.session_id AND origin = old.origin AND model = coalesce(old.model, '') AND turns = 0;
END;

CREATE TRIGGER turns_activity_update AFTER UPDATE OF
    session_id, origin, model, status, started_at, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd
ON turns WHEN
    (old.session_id, old.origin, old.model, old.status = 'error', old.started_at, old.input_tokens, old.output_tokens,
     old.cache_read_tokens, old.cache_write_tokens, old.cost_usd)
    IS NOT
    (new.session_id, new.origin, new.model, new.status = 'error', new.started_at, new.input_tokens, new.output_tokens,
     new.cache_read_tokens, new.cache_write_tokens, new.cost_usd)
BEGIN
    UPDATE activity SET
        turns = turns - 1, errors = errors - (old.status = 'error'), input_tokens = input_tokens - coalesce(old.input_tokens, 0),
        output_tokens = output_tokens - coalesce(old.output_tokens, 0),
        cache_read_tokens = cache_read_tokens - coalesce(old.cache_read_tokens, 0),
        cache_write_tokens = cache_write_tokens - coalesce(old.cache_write_tokens, 0),
        priced = priced - (old.cost_usd IS NOT NULL),
        cost_nano = cost_nano - CAST(round(coalesce(old.cost_usd, 0) * 1e9) AS INTEGER)
    WHERE at = substr(old.started_at, 1, 14) || iif(substr(old.started_at, 15, 2) < '30', '00', '30')
        AND session_id = old.session_id AND origin = old.origin AND model = coalesce(old.model, '');
    DELETE FROM activity
    WHERE at = substr(old.started_at, 1, 14) || iif(substr(old.started_at, 15, 2) < '30', '00', '30')
        AND session_id = old.session_id AND origin = old.origin AND model = coalesce(old.model, '') AND turns = 0;
    INSERT INTO activity VALUES (
        substr(new.started_at, 1, 14) || iif(substr(new.started_at, 15, 2) < '30', '00', '30'), new.session_id, new.origin,
        coalesce(new.model, ''), 1, new.status = 'error', coalesce(new.input_tokens, 0), coalesce(new.output_tokens, 0),
        coalesce(new.cache_read_tokens, 0), coalesce(new.cache_write_tokens, 0), new.cost_usd IS NOT NULL,
        CAST(round(coalesce(new.cost_usd, 0) * 1e9) AS INTEGER)
    ) ON CONFLICT (at, session_id, origin, model) DO UPDATE SET
        turns = turns + 1, errors = errors + excluded.errors, input_tokens = input_tokens + excluded.input_tokens,
        output_tokens = output_tokens + excluded.output_tokens,
        cache_read_tokens = cache_read_tokens + excluded.cache_read_tokens,
        cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens,
        priced = priced + excluded.priced, cost_nano = cost_nano + excluded.cost_nano;
END;

-- A call is taken away while its turn, which knows the time, is still there: a cascade would come after it.
CREATE TRIGGER turns_delete_calls BEFORE DELETE ON turns BEGIN
    DELETE FROM tool_calls WHERE turn_id = old.id;
END;

CREATE TRIGGER tool_calls_activity_insert AFTER INSERT ON tool_calls BEGIN
    INSERT INTO tool_activity
    SELECT substr(started_at, 1, 14) || iif(substr(started_at, 15, 2) < '30', '00', '30'), new.name, 1, new.status = 'ok',
           new.status = 'error', new.status = 'denied', new.duration_ms IS NOT NULL, coalesce(new.duration_ms, 0)
    FROM turns WHERE id = new.turn_id
    ON CONFLICT (at, name) DO UPDATE SET
        calls = calls + 1, ok = ok + excluded.ok, errors = errors + excluded.errors, denied = denied + excluded.denied,
        timed = timed + excluded.timed, duration_ms = duration_ms + excluded.duration_ms;
END;

CREATE TRIGGER tool_calls_activity_delete AFTER DELETE ON tool_calls BEGIN
    UPDATE tool_activity SET
        calls = calls - 1, ok = ok - (old.status = 'ok'), errors = errors - (old.status = 'error'),
        denied = denied - (old.status = 'denied'), timed = timed - (old.duration_ms IS NOT NULL),
        duration_ms = duration_ms - coalesce(old.duration_ms, 0)
    WHERE name = old.name AND at = (
        SELECT substr(started_at, 1, 14) || iif(substr(started_at, 15, 2) < '30', '00', '30') FROM turns WHERE id = old.turn_id
    );
    DELETE FROM tool_activity WHERE calls = 0 AND name = old.name AND at = (
        SELECT substr(started_at, 1, 14) || iif(substr(started_at, 15, 2) < '30', '00', '30') FROM turns WHERE id = old.turn_id
    );
END;

CREATE TRIGGER tool_calls_activity_update AFTER UPDATE OF turn_id, name, status, duration_ms ON tool_calls
WHEN (old.turn_id, old.name, old.status, old.duration_ms) IS NOT (new.turn_id, new.name, new.status, new.duration_ms)
BEGIN
    UPDATE tool_activity SET
        calls = calls - 1, ok = ok - (old.status = 'ok'), errors = errors - (old.status = 'error'),
        denied = denied - (old.status = 'denied'), timed = timed - (old.duration_ms IS NOT NULL),
        duration_ms = duration_ms - coalesce(old.duration_ms, 0)
    WHERE name = old.name AND at = (
        SELECT substr(started_at, 1, 14) || iif(substr(started_at, 15, 2) < '30', '00', '30') FROM turns WHERE id = old.turn_id
    );
    DELETE FROM tool_activity WHERE calls = 0 AND name = old.name AND at = (
        SELECT substr(started_at, 1, 14) || iif(substr(started_at, 15, 2) < '30', '00', '30') FROM turns WHERE id = old.turn_id
    );
    INSERT INTO tool_activity
    SELECT substr(started_at, 1, 14) || iif(substr(started_at, 15, 2) < '30', '00', '30'), new.name, 1, new.status = 'ok',
           new.status = 'error', new.status = 'denied', new.duration_ms IS NOT NULL, coalesce(new.duration_ms, 0)
    FROM turns WHERE id = new.turn_id
    ON CONFLICT (at, name) DO UPDATE SET
        calls = calls + 1, ok = ok + excluded.ok, errors = errors + excluded.errors, denied = denied + excluded.denied,
        timed = timed + excluded.timed, duration_ms = duration_ms + excluded.duration_ms;
END;
