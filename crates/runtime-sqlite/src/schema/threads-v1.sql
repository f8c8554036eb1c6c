-- Schema 1 of a database of threads. Times are microseconds since 1970, in UTC.
--
-- Rows have numbers, and none of these tables is `WITHOUT ROWID`: an entry of more than a thousand bytes would
-- take a page of its own beside it. So 1,500 bytes take 2,100 bytes here, and would take 4,850.

-- What a version of the library must know to use this database. A newer schema that only adds to this one
-- leaves it at 1.
CREATE TABLE meta (min_reader INTEGER NOT NULL) STRICT;
INSERT INTO meta VALUES (1);

-- `state`: 1 runnable, 2 parked, 3 done, 4 failed, 5 cancelled, 9 forgotten.
CREATE TABLE thread (
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
    touched INTEGER NOT NULL
) STRICT;
CREATE INDEX thread_ready ON thread (state, wake_at) WHERE state IN (1, 2);

-- `kind`: 1 life, 2 intent, 3 outcome, 5 checkpoint, 10 end.
CREATE TABLE entry (
    thread INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    version INTEGER NOT NULL,
    step BLOB,
    print BLOB,
    body BLOB NOT NULL,
    PRIMARY KEY (thread, seq)
) STRICT;
-- At most one outcome of a step, whatever a writer does wrong.
CREATE UNIQUE INDEX entry_outcome ON entry (thread, step) WHERE kind = 3;

-- `state`: 0 pending, 1 approved, 2 denied, 3 used. Whether one has expired, `expires` says.
CREATE TABLE approval (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    thread INTEGER NOT NULL,
    step BLOB NOT NULL,
    tool TEXT NOT NULL,
    digest BLOB NOT NULL,
    shown TEXT NOT NULL,
    policy TEXT NOT NULL,
    asked INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    state INTEGER NOT NULL,
    amended TEXT,
    who TEXT,
    note TEXT,
    decided INTEGER,
    used INTEGER
) STRICT;
CREATE INDEX approval_step ON approval (thread, step);
CREATE INDEX approval_pending ON approval (asked, id) WHERE state = 0;

-- Answers, messages and resolutions, as JSON.
CREATE TABLE inbox (
    thread INTEGER NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (thread, key)
) STRICT, WITHOUT ROWID;

-- For people: `SELECT * FROM journal WHERE thread = 'order-4711'`.
CREATE VIEW journal AS
SELECT
    t.id AS thread, e.seq, e.fence AS life,
    strftime('%FT%T', e.at / 1000000, 'unixepoch') || printf('.%06dZ', e.at % 1000000) AS at,
    CASE e.kind
        WHEN 1 THEN 'life' WHEN 2 THEN 'intent' WHEN 3 THEN 'outcome' WHEN 5 THEN 'checkpoint'
        WHEN 10 THEN 'end' ELSE e.kind
    END AS kind,
    nullif(lower(hex(e.step)), '') AS step,
    -- Not of a sealed one.
    CASE WHEN json_valid(CAST(e.body AS TEXT)) THEN CAST(e.body AS TEXT) END AS body
FROM entry e JOIN thread t ON t.number = e.thread
ORDER BY e.thread, e.seq;
