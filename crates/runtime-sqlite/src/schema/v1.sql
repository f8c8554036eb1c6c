-- Schema 1. A row of `event` or `log_record` is a line of a JSON-lines log.

-- The events of sessions. `body` is the JSON of the event, to the byte; the other columns are for
-- questions. Costs are in nano-dollars.
CREATE TABLE event (
    session_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    elapsed_ns INTEGER,
    emitted_at TEXT,
    event TEXT NOT NULL,
    status TEXT,
    role TEXT,
    phase TEXT,
    project_id INTEGER,
    span TEXT,
    parent TEXT,
    outcome TEXT,
    failure_class TEXT,
    model TEXT,
    provider TEXT,
    tool TEXT,
    attempts INTEGER,
    cost_nanos INTEGER,
    estimated INTEGER,
    cost_reported INTEGER,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cache_write_tokens INTEGER,
    cache_write_1h_tokens INTEGER,
    cache_read_tokens INTEGER,
    input_audio_tokens INTEGER,
    output_audio_tokens INTEGER,
    reasoning_tokens INTEGER,
    body TEXT NOT NULL,
    PRIMARY KEY (session_id, seq)
) STRICT, WITHOUT ROWID;

-- Events of sinks, and other lines without a place in a session.
CREATE TABLE log_record (
    emitted_at TEXT NOT NULL,
    event TEXT,
    body TEXT NOT NULL,
    PRIMARY KEY (emitted_at, body)
) STRICT, WITHOUT ROWID;

-- Usage records. `writer` and `number` identify a record, so that it is stored once. The costs are
-- also in `event`: do not add both.
CREATE TABLE usage (
    writer TEXT NOT NULL,
    number INTEGER NOT NULL,
    recorded_at TEXT NOT NULL,
    session_id TEXT,
    role TEXT,
    model TEXT NOT NULL,
    cost_nanos INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    cost_reported INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    input_audio_tokens INTEGER NOT NULL,
    output_audio_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    PRIMARY KEY (writer, number)
) STRICT, WITHOUT ROWID;

-- Finished calls of models: the attempts of turns that recover, and other turns. A turn that recovers
-- ends with the sum of its attempts (and has a number of `attempts`), which would count them twice.
CREATE VIEW calls AS
SELECT
    session_id, seq, emitted_at, role, phase, project_id,
    CASE WHEN event LIKE 'agent.attempt\_%' ESCAPE '\' THEN parent ELSE span END AS turn,
    span, model, provider, outcome, failure_class,
    cost_nanos, estimated, cost_reported,
    input_tokens, output_tokens, cache_write_tokens, cache_write_1h_tokens, cache_read_tokens,
    input_audio_tokens, output_audio_tokens, reasoning_tokens
FROM event
WHERE outcome IS NOT NULL
    AND (event IN ('agent.attempt_completed', 'agent.attempt_failed')
        OR (event IN ('agent.turn_completed', 'agent.turn_failed') AND attempts IS NULL));

CREATE VIEW cost_by_model AS
SELECT
    model,
    count(*) AS calls,
    count(*) FILTER (WHERE outcome = 'ok') AS ok,
    count(*) FILTER (WHERE estimated) AS estimated,
    coalesce(sum(input_tokens), 0) AS input_tokens,
    coalesce(sum(output_tokens), 0) AS output_tokens,
    coalesce(sum(cache_write_tokens), 0) AS cache_write_tokens,
    coalesce(sum(cache_write_1h_tokens), 0) AS cache_write_1h_tokens,
    coalesce(sum(cache_read_tokens), 0) AS cache_read_tokens,
    coalesce(sum(input_audio_tokens), 0) AS input_audio_tokens,
    coalesce(sum(output_audio_tokens), 0) AS output_audio_tokens,
    coalesce(sum(reasoning_tokens), 0) AS reasoning_tokens,
    coalesce(sum(cost_nanos), 0) AS cost_nanos,
    coalesce(sum(cost_nanos), 0) / 1e9 AS cost_usd
FROM calls
WHERE model IS NOT NULL
GROUP BY model;

CREATE VIEW cost_by_role AS
SELECT
    role,
    count(DISTINCT session_id) AS sessions,
    count(DISTINCT session_id || ' ' || turn) AS turns,
    count(*) AS calls,
    count(*) FILTER (WHERE outcome = 'ok') AS ok,
    coalesce(sum(input_tokens), 0) AS input_tokens,
    coalesce(sum(output_tokens), 0) AS output_tokens,
    coalesce(sum(cost_nanos), 0) AS cost_nanos,
    coalesce(sum(cost_nanos), 0) / 1e9 AS cost_usd
FROM calls
GROUP BY role;

CREATE VIEW cost_by_session AS
SELECT
    session_id,
    min(role) AS role,
    min(phase) AS phase,
    min(project_id) AS project_id,
    count(DISTINCT turn) AS turns,
    count(*) AS calls,
    count(*) FILTER (WHERE outcome = 'ok') AS ok,
    coalesce(sum(input_tokens), 0) AS input_tokens,
    coalesce(sum(output_tokens), 0) AS output_tokens,
    coalesce(sum(cost_nanos), 0) AS cost_nanos,
    coalesce(sum(cost_nanos), 0) / 1e9 AS cost_usd
FROM calls
GROUP BY session_id;

-- `missing` counts the sequence numbers without an event, below the last one.
CREATE VIEW sessions AS
SELECT
    session_id,
    min(role) AS role,
    min(phase) AS phase,
    min(project_id) AS project_id,
    min(emitted_at) AS first_at,
    max(emitted_at) AS last_at,
    count(*) AS events,
    max(seq) - count(*) AS missing,
    max(elapsed_ns) AS elapsed_ns,
    max(outcome) FILTER (WHERE event IN ('agent.completed', 'agent.failed')) AS outcome
FROM event
GROUP BY session_id;

-- One row per span, ended or not. A span ends with an event that has an outcome.
CREATE VIEW spans AS
SELECT
    session_id,
    span,
    max(parent) AS parent,
    max(CASE
        WHEN event = 'agent.started' THEN 'session'
        WHEN event IN ('agent.completed', 'agent.failed') AND outcome IS NOT NULL THEN 'session'
        WHEN event IN ('agent.turn_started', 'agent.turn_completed', 'agent.turn_failed')
            THEN 'turn'
        WHEN event IN ('agent.attempt_started', 'agent.attempt_completed', 'agent.attempt_failed')
            THEN 'attempt'
        WHEN event IN ('agent.tool_called', 'agent.tool_completed') THEN 'tool'
        WHEN event IN ('agent.wait_started', 'agent.wait_ended') THEN 'wait'
    END) AS kind,
    max(CASE
        WHEN event IN ('agent.tool_called', 'agent.tool_completed') THEN tool
        WHEN event = 'agent.wait_started' AND json_valid(body) THEN body ->> '$.data.for'
        WHEN event IN ('agent.turn_started', 'agent.attempt_started') THEN model
        WHEN event = 'agent.started' THEN role
    END) AS name,
    min(seq) AS first_seq,
    max(seq) FILTER (WHERE outcome IS NOT NULL) AS end_seq,
    min(elapsed_ns) FILTER (WHERE event IN ('agent.started', 'agent.turn_started',
        'agent.attempt_started', 'agent.tool_called', 'agent.wait_started')) AS start_ns,
    max(elapsed_ns) FILTER (WHERE outcome IS NOT NULL) AS end_ns,
    max(elapsed_ns) FILTER (WHERE outcome IS NOT NULL)
        - min(elapsed_ns) FILTER (WHERE event IN ('agent.started', 'agent.turn_started',
            'agent.attempt_started', 'agent.tool_called', 'agent.wait_started')) AS duration_ns,
    max(outcome) AS outcome,
    max(failure_class) FILTER (WHERE outcome IS NOT NULL) AS failure_class
FROM event
WHERE span IS NOT NULL
GROUP BY session_id, span;

-- Percentiles are nearest-rank: the smallest duration that so many do not exceed.
CREATE VIEW tool_stats AS
WITH asked AS (
    SELECT name AS tool, coalesce(outcome, 'open') AS became, duration_ns FROM spans
    WHERE kind = 'tool' AND name IS NOT NULL
    UNION ALL
    SELECT tool, 'refused', NULL FROM event
    WHERE event = 'agent.blocked' AND tool IS NOT NULL
),
ranked AS (
    SELECT *,
        row_number() OVER (PARTITION BY tool, duration_ns IS NULL ORDER BY duration_ns) AS place,
        count(duration_ns) OVER (PARTITION BY tool) AS timed
    FROM asked
)
SELECT
    tool,
    count(*) FILTER (WHERE became <> 'refused') AS calls,
    count(*) FILTER (WHERE became = 'ok') AS ok,
    count(*) FILTER (WHERE became IN ('failed', 'timed_out', 'panicked')) AS errors,
    count(*) FILTER (WHERE became = 'timed_out') AS timed_out,
    count(*) FILTER (WHERE became = 'panicked') AS panicked,
    count(*) FILTER (WHERE became = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE became = 'open') AS open,
    count(*) FILTER (WHERE became = 'refused') AS refused,
    min(duration_ns) FILTER (WHERE place * 100 >= timed * 50) AS p50_ns,
    min(duration_ns) FILTER (WHERE place * 100 >= timed * 95) AS p95_ns,
    max(duration_ns) AS max_ns
FROM ranked
GROUP BY tool;

-- By failure scenario: the attempts of recovery, and their results.
CREATE VIEW recoveries AS
WITH told AS (
    SELECT
        event,
        CASE WHEN json_valid(body) THEN body ->> '$.data.scenario' END AS scenario,
        CASE WHEN json_valid(body) THEN body ->> '$.data.wait_seconds' END AS wait_seconds
    FROM event
    WHERE event IN ('agent.recovery.attempted', 'agent.recovery.succeeded',
        'agent.recovery.failed', 'agent.recovery.escalated')
)
SELECT
    scenario,
    count(*) FILTER (WHERE event = 'agent.recovery.attempted') AS attempted,
    count(*) FILTER (WHERE event = 'agent.recovery.succeeded') AS succeeded,
    count(*) FILTER (WHERE event = 'agent.recovery.failed') AS failed,
    count(*) FILTER (WHERE event = 'agent.recovery.escalated') AS escalated,
    coalesce(sum(wait_seconds) FILTER (WHERE event = 'agent.recovery.attempted'), 0.0)
        AS wait_seconds
FROM told
GROUP BY scenario;
