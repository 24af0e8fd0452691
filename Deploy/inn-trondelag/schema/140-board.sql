-- The joint board (folkevalgt nemnd) that the councils elect to govern the centre, its cases and its
-- decisions. What an elected board does is public: seen by all.

CREATE TABLE board (
    id     TEXT PRIMARY KEY NOT NULL CHECK (id NOT GLOB '*[^a-z0-9-]*'),
    name   TEXT NOT NULL UNIQUE,
    host   TEXT NOT NULL REFERENCES municipality (code)  -- keeps the secretariat
) STRICT;
CREATE INDEX board_host ON board (host);

CREATE TABLE board_member (                          -- nemndsmedlem
    id            BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    board         TEXT NOT NULL REFERENCES board (id),
    municipality  TEXT NOT NULL REFERENCES municipality (code),  -- whose council elected the member
    given_name    TEXT NOT NULL,
    family_name   TEXT NOT NULL,
    role          TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('chair', 'deputy_chair', 'member', 'substitute')),
    elected_on    TEXT NOT NULL CHECK (elected_on IS date(elected_on, '+0 days')),
    left_on       TEXT CHECK (left_on IS date(left_on, '+0 days')),
    CHECK (left_on >= elected_on)
) STRICT;
CREATE INDEX board_member_board ON board_member (board);
CREATE INDEX board_member_municipality ON board_member (municipality);

CREATE TABLE board_case (                            -- sak
    id            BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    board         TEXT NOT NULL REFERENCES board (id),
    municipality  TEXT NOT NULL REFERENCES municipality (code),  -- who raised it
    year          INTEGER NOT NULL CHECK (year BETWEEN 1900 AND 2200),
    number        INTEGER NOT NULL CHECK (number >= 1),  -- within its municipality and year, so sites off line never clash
    title         TEXT NOT NULL,
    raised_on     TEXT NOT NULL CHECK (raised_on IS date(raised_on, '+0 days')),
    proposal      TEXT,                              -- forslag til vedtak
    UNIQUE (board, municipality, year, number)
) STRICT;
CREATE INDEX board_case_municipality ON board_case (municipality);

CREATE TABLE board_decision (                        -- vedtak: at most one for a case
    board_case     BLOB PRIMARY KEY NOT NULL REFERENCES board_case (id),
    decided_on     TEXT NOT NULL CHECK (decided_on IS date(decided_on, '+0 days')),
    outcome        TEXT NOT NULL CHECK (outcome IN (
                       'adopted', 'rejected',
                       'postponed',                  -- utsatt
                       'noted')),                    -- tatt til orientering
    text           TEXT NOT NULL,
    votes_for      INTEGER NOT NULL CHECK (votes_for >= 0),
    votes_against  INTEGER NOT NULL CHECK (votes_against >= 0),
    CHECK (outcome <> 'adopted' OR votes_for >= votes_against)
) STRICT;

INSERT INTO samband_table (name, scope_column) VALUES
    ('board', NULL), ('board_member', NULL), ('board_case', NULL), ('board_decision', NULL);
INSERT INTO samband_policy (table_name, column_name, policy) VALUES ('board_decision', 'outcome', 'manual');
