-- Schema 2 adds the role of the agents that a thread was handed over to, and the names of two kinds of entries. A
-- program that knows schema 1 reads and writes it, and leaves roles as they are.
--
-- For a while schema 1 had the column as well, and SQLite cannot ask for that. So the rows are copied: where the table
-- has no `role`, the name is that of the query around it, which is nothing.

DROP VIEW journal;

CREATE TABLE thread_2 (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    head INTEGER NOT NULL,
    base INTEGER NOT NULL,
    holder TEXT,
    held_until INTEGER,
    wake_at INTEGER,
    code TEXT NOT NULL,
    created INTEGER NOT NULL,
    touched INTEGER NOT NULL,
    role TEXT
) STRICT;
INSERT INTO thread_2
SELECT number, id, state, fence, head, base, holder, held_until, wake_at, code, created, touched,
    (SELECT role FROM (SELECT * FROM thread own WHERE own.number = known.number))
FROM (
    SELECT number, id, state, fence, head, base, holder, held_until, wake_at, code, created, touched, NULL AS role
    FROM thread
) known;
DROP TABLE thread;
ALTER TABLE thread_2 RENAME TO thread;
CREATE INDEX thread_ready ON thread (state, wake_at) WHERE state IN (1, 2);

-- For people: `SELECT * FROM journal WHERE thread = 'order-4711'`.
CREATE VIEW journal AS
SELECT
    t.id AS thread, e.seq, e.fence AS life,
    strftime('%FT%T', e.at / 1000000, 'unixepoch') || printf('.%06dZ', e.at % 1000000) AS at,
    CASE e.kind
        WHEN 1 THEN 'life' WHEN 2 THEN 'intent' WHEN 3 THEN 'outcome' WHEN 4 THEN 'attempt'
        WHEN 5 THEN 'checkpoint' WHEN 6 THEN 'branch' WHEN 10 THEN 'end' ELSE e.kind
    END AS kind,
    nullif(lower(hex(e.step)), '') AS step,
    -- Not of a sealed one.
    CASE WHEN json_valid(CAST(e.body AS TEXT)) THEN CAST(e.body AS TEXT) END AS body
FROM entry e JOIN thread t ON t.number = e.thread
ORDER BY e.thread, e.seq;
