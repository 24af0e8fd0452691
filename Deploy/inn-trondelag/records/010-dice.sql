-- Chance, the same every time. Every row to come has a throw of dice: the SHA-3 hash of seed,
-- municipality, kind of row and number gives it 16 bytes for an id and eight dice of 16 bits.
-- Only temporary tables are written here, so that the write lock is held for the records alone.
-- sha3() is part of the sqlite3 shell.

CREATE TEMP TABLE here AS                            -- one row: which municipality, and its share of the centre
WITH ranked AS (
    SELECT municipality, inhabitants,
           row_number() OVER (ORDER BY inhabitants DESC) - 1 AS rank,
           sum(inhabitants) OVER (ORDER BY inhabitants DESC) AS up_to,
           sum(inhabitants) OVER () AS everyone
    FROM main.population WHERE year = 2011)
SELECT argument.municipality AS code, site, seed, scale, inhabitants,
       inhabitants * scale AS size,
       rank,                                        -- 0 for the largest
       up_to - inhabitants AS from_inhabitant, up_to AS to_inhabitant, everyone,
       (up_to - inhabitants) * 36 / everyone AS from_chair,  -- its own of the 36 dialysis chairs
       up_to * 36 / everyone AS to_chair,
       organisation.id AS organisation,
       seed || '/' || argument.municipality || '/' AS salt
FROM argument
JOIN ranked ON ranked.municipality = argument.municipality
JOIN main.municipality ON main.municipality.code = argument.municipality
JOIN main.organisation ON organisation.municipality = argument.municipality AND organisation.kind = 'municipality';

CREATE TEMP TABLE amount (kind TEXT PRIMARY KEY, rows INTEGER NOT NULL);
INSERT INTO amount
SELECT 'patient',         max(11 - 3 * rank, 4, round(size / 100)) FROM here UNION ALL
SELECT 'staff',           max(4, round(size / 800))                 FROM here UNION ALL
SELECT 'practitioner',    max(1, round(size / 4500))                FROM here UNION ALL
SELECT 'next_of_kin',     max(4, round(size / 100))                 FROM here UNION ALL
SELECT 'referral',        max(4, round(size / 100))                 FROM here UNION ALL
SELECT 'stay',            max(1, round(size / 350))                 FROM here UNION ALL
SELECT 'dialysis_week',   max(1, round(size / 400))                 FROM here UNION ALL
SELECT 'appointment',     max(2, round(size / 100))                 FROM here UNION ALL
SELECT 'individual_plan', max(1, round(size / 500))                 FROM here UNION ALL
SELECT 'team_visit',      max(1, round(size / 350))                 FROM here UNION ALL
SELECT 'course',          max(1, round(size / 2100))                FROM here UNION ALL
SELECT 'deviation',       max(1, round(size / 500))                 FROM here UNION ALL
SELECT 'board_member',    iif(rank = 0, 3, 2)                      FROM here UNION ALL  -- the board does not grow
SELECT 'board_case',      max(1, round(inhabitants / 3000.0))       FROM here UNION ALL
SELECT 'fortnight',       25                                        FROM here UNION ALL
SELECT 'bed_slot',        25 * 16                                   FROM here;

CREATE TEMP TABLE word (hex TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 65535)
INSERT INTO word SELECT printf('%04X', i), i FROM n;

CREATE TEMP TABLE dice (                             -- n counts from 0; each die is 0 … 65535
    kind TEXT, n INTEGER, id BLOB, a INTEGER, b INTEGER, c INTEGER, d INTEGER,
    e INTEGER, f INTEGER, g INTEGER, h INTEGER, PRIMARY KEY (kind, n)) WITHOUT ROWID;
WITH RECURSIVE
    number (kind, n, rows) AS (
        SELECT kind, 0, rows FROM amount UNION ALL
        SELECT kind, n + 1, rows FROM number WHERE n + 1 < rows),
    thrown (kind, n, bytes) AS MATERIALIZED (SELECT kind, n, sha3(salt || kind || '/' || n, 256) FROM number, here)
INSERT INTO dice
SELECT kind, n, substr(bytes, 1, 16),
       (SELECT value FROM word WHERE hex = hex(substr(bytes, 17, 2))),
       (SELECT value FROM word WHERE hex = hex(substr(bytes, 19, 2))),
       (SELECT value FROM word WHERE hex = hex(substr(bytes, 21, 2))),
       (SELECT value FROM word WHERE hex = hex(substr(bytes, 23, 2))),
       (SELECT value FROM word WHERE hex = hex(substr(bytes, 25, 2))),
       (SELECT value FROM word WHERE hex = hex(substr(bytes, 27, 2))),
       (SELECT value FROM word WHERE hex = hex(substr(bytes, 29, 2))),
       (SELECT value FROM word WHERE hex = hex(substr(bytes, 31, 2)))
FROM thrown;
