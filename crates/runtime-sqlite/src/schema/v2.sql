-- Schema 2. In views, `input_tokens` and `output_tokens` are sums of all kinds, with cached tokens and
-- audio. In schema 1 they left out both.

DROP VIEW cost_by_session;
DROP VIEW cost_by_role;
DROP VIEW cost_by_model;
DROP VIEW calls;

-- Finished calls of models: the attempts of turns that recover, and other turns. A turn that recovers
-- ends with the sum of its attempts (and has a number of `attempts`), which would count them twice.
-- Each kind of token has a column, and the two totals are of all kinds.
CREATE VIEW calls AS
SELECT
    session_id, seq, emitted_at, role, phase, project_id,
    CASE WHEN event LIKE 'agent.attempt\_%' ESCAPE '\' THEN parent ELSE span END AS turn,
    span, model, provider, outcome, failure_class,
    cost_nanos, estimated, cost_reported,
    input_tokens, output_tokens, cache_write_tokens, cache_write_1h_tokens, cache_read_tokens,
    input_audio_tokens, output_audio_tokens, reasoning_tokens,
    coalesce(input_tokens, 0) + coalesce(cache_write_tokens, 0)
        + coalesce(cache_write_1h_tokens, 0) + coalesce(cache_read_tokens, 0)
        + coalesce(input_audio_tokens, 0) AS total_input_tokens,
    coalesce(output_tokens, 0) + coalesce(output_audio_tokens, 0) AS total_output_tokens
FROM event
WHERE outcome IS NOT NULL
    AND (event IN ('agent.attempt_completed', 'agent.attempt_failed')
        OR (event IN ('agent.turn_completed', 'agent.turn_failed') AND attempts IS NULL));

CREATE VIEW cost_by_model AS
SELECT
    model,
    count(*) AS calls,
    count(*) FILTER (WHERE outcome = 'ok') AS ok,
    count(*) FILTER (WHERE outcome NOT IN ('ok', 'cancelled')) AS failed,
    count(*) FILTER (WHERE estimated) AS estimated,
    coalesce(sum(total_input_tokens), 0) AS input_tokens,
    coalesce(sum(total_output_tokens), 0) AS output_tokens,
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
    count(*) FILTER (WHERE outcome NOT IN ('ok', 'cancelled')) AS failed,
    coalesce(sum(total_input_tokens), 0) AS input_tokens,
    coalesce(sum(total_output_tokens), 0) AS output_tokens,
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
    count(*) FILTER (WHERE outcome NOT IN ('ok', 'cancelled')) AS failed,
    coalesce(sum(total_input_tokens), 0) AS input_tokens,
    coalesce(sum(total_output_tokens), 0) AS output_tokens,
    coalesce(sum(cost_nanos), 0) AS cost_nanos,
    coalesce(sum(cost_nanos), 0) / 1e9 AS cost_usd
FROM calls
GROUP BY session_id;
