-- Schema 4 keeps an entry under one number: that of its thread, and behind it in 32 bits its own. So a commit writes the
-- page of the entry alone, and none of an index beside it. A program that knows an older schema is refused.

-- What is deleted here is overwritten, as what is forgotten is.
PRAGMA secure_delete = ON;

DROP VIEW journal;

CREATE TABLE entry_4 (
    place INTEGER PRIMARY KEY,
    thread INTEGER GENERATED ALWAYS AS (place >> 32) VIRTUAL,
    seq INTEGER GENERATED ALWAYS AS (place & 4294967295) VIRTUAL,
    fence INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    version INTEGER NOT NULL,
    step BLOB,
    print BLOB,
    body BLOB NOT NULL
) STRICT;
INSERT INTO entry_4 (place, fence, at, kind, version, step, print, body)
SELECT thread << 32 | seq, fence, at, kind, version, step, print, body FROM entry ORDER BY thread, seq;
DROP TABLE entry;
ALTER TABLE entry_4 RENAME TO entry;
-- At most one outcome of a step, whatever a writer does wrong.
CREATE UNIQUE INDEX entry_outcome ON entry (thread, step) WHERE kind = 3;

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
FROM thread t JOIN entry e ON e.place BETWEEN t.number << 32 AND t.number << 32 | 4294967295
ORDER BY e.place;

UPDATE meta SET min_reader = 4;
