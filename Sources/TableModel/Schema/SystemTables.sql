-- What every replicated database holds beside the user's tables. Names of whole tables and columns are
-- compared as SQLite compares them: without regard to the case of ASCII letters.

-- Facts about this database, one per row.
CREATE TABLE IF NOT EXISTS samband_meta (
    name  TEXT NOT NULL PRIMARY KEY,  -- which fact, for instance 'fleet' or 'format'
    value ANY                         -- its value
) STRICT, WITHOUT ROWID;

-- Which tables are replicated. Written by migrations:
-- INSERT INTO samband_table(name, scope_column) VALUES ('referral', 'municipality');
CREATE TABLE IF NOT EXISTS samband_table (
    number       INTEGER PRIMARY KEY,             -- names the table in change sets and marks, for ever
    name         TEXT NOT NULL UNIQUE COLLATE NOCASE, -- the table's name at present
    scope_column TEXT COLLATE NOCASE,             -- the column with each row's scope label; NULL: seen by all
    ids          TEXT,                            -- 'application': an INTEGER PRIMARY KEY whose numbers the application makes unique
    run_triggers INTEGER NOT NULL DEFAULT 0       -- 1: the user's triggers run when changes are applied
) STRICT;

-- How conflicts settle, where it is not 'manual'. Written by migrations, or at the hub by samband policy set:
-- INSERT INTO samband_policy(table_name, column_name, policy) VALUES ('referral', 'note', 'newest');
CREATE TABLE IF NOT EXISTS samband_policy (
    id          INTEGER PRIMARY KEY,              -- names the row on its way to the sites
    table_name  TEXT NOT NULL COLLATE NOCASE,     -- a replicated table
    column_name TEXT COLLATE NOCASE,              -- one of its columns; NULL: every column without a policy of its own
    policy      TEXT,                             -- manual, newest, hub, owner, max, min, sum; NULL: as the table has it
    unit        TEXT,                             -- 'row': the columns that say so ship and settle together; else 'column'
    set_by      TEXT,                             -- who set it; NULL: a migration
    set_at      INTEGER,                          -- when, in milliseconds since 1970
    UNIQUE (table_name, column_name)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS samband_policy_table ON samband_policy(table_name) WHERE column_name IS NULL;

-- The numbers of the columns that are shipped: a renamed column keeps its number.
CREATE TABLE IF NOT EXISTS samband_column (
    table_number  INTEGER NOT NULL,               -- the table, as in samband_table
    column_number INTEGER NOT NULL,               -- 1, 2, 3 … in order of declaration, never used again
    name          TEXT NOT NULL COLLATE NOCASE,   -- the column's name at present
    PRIMARY KEY (table_number, column_number)
) STRICT, WITHOUT ROWID;
