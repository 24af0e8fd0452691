-- Municipality (kommune) and its inhabitants. Everything that belongs to a municipality carries its
-- code in a column `municipality`: that column is the scope a site is granted.
--
-- Rules for every table here, so that it can be replicated: a declared NOT NULL primary key, never an
-- INTEGER PRIMARY KEY (two sites off line would hand out one number twice), no virtual tables, and an
-- index on every referencing column. Days are text 'YYYY-MM-DD'. CHECK (day IS date(day, '+0 days')) refuses
-- one that is no day, 30 February too (without '+0 days' SQLite hands it back as it came); NULL passes.

CREATE TABLE municipality (
    code      TEXT PRIMARY KEY NOT NULL              -- kommunenummer, as in the national register
              CHECK (code GLOB '[0-9][0-9][0-9][0-9]'),
    name      TEXT NOT NULL UNIQUE,
    name_sma  TEXT,                                  -- name in Southern Sámi (åarjelsaemien gïele), where one is in use
    site      TEXT NOT NULL UNIQUE,                  -- its name as a site of the fleet
    is_host   INTEGER NOT NULL DEFAULT 0             -- vertskommune: runs the centre and the hub
              CHECK (is_host IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX municipality_one_host ON municipality (is_host) WHERE is_host = 1;

CREATE TABLE population (                            -- folketall
    municipality TEXT NOT NULL REFERENCES municipality (code),
    year         INTEGER NOT NULL CHECK (year BETWEEN 1900 AND 2200),
    inhabitants  INTEGER NOT NULL CHECK (inhabitants >= 0),
    PRIMARY KEY (municipality, year)
) STRICT, WITHOUT ROWID;

INSERT INTO samband_table (name, scope_column) VALUES ('municipality', NULL), ('population', NULL);
