-- Deviation (avvik) in the co-operation between the lines, and how it was handled. It names no patient:
-- a deviation is about the way of working, and travels further than a record may.

CREATE TABLE deviation (
    id            BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    municipality  TEXT NOT NULL REFERENCES municipality (code),
    reported_by   TEXT NOT NULL REFERENCES organisation (id),
    concerns      TEXT NOT NULL REFERENCES organisation (id),
    happened_on   TEXT NOT NULL CHECK (happened_on IS date(happened_on, '+0 days')),
    reported_on   TEXT NOT NULL CHECK (reported_on IS date(reported_on, '+0 days')),
    category      TEXT NOT NULL CHECK (category IN (
                      'discharge',                   -- utskriving uten varsel eller epikrise
                      'medication',                  -- legemidler
                      'communication',               -- informasjonsflyt
                      'transport',                   -- pasienttransport
                      'equipment',                   -- hjelpemidler
                      'waiting_time')),              -- ventetid
    severity      INTEGER NOT NULL DEFAULT 1 CHECK (severity BETWEEN 1 AND 4),  -- alvorlighetsgrad
    description   TEXT NOT NULL,
    state         TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'under_way', 'closed')),
    CHECK (reported_on >= happened_on)
) STRICT;
CREATE INDEX deviation_municipality ON deviation (municipality);
CREATE INDEX deviation_reported_by ON deviation (reported_by);
CREATE INDEX deviation_concerns ON deviation (concerns);

CREATE TABLE deviation_handling (                    -- avviksbehandling: one row per thing done about it
    id            BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    municipality  TEXT NOT NULL REFERENCES municipality (code),
    deviation     BLOB NOT NULL REFERENCES deviation (id) ON DELETE CASCADE,
    handled_on    TEXT NOT NULL CHECK (handled_on IS date(handled_on, '+0 days')),
    kind          TEXT NOT NULL CHECK (kind IN (
                      'received', 'assessed',
                      'measure',                     -- forbedringstiltak
                      'closed')),
    handled_by    BLOB REFERENCES staff (id),
    text          TEXT NOT NULL
) STRICT;
CREATE INDEX deviation_handling_municipality ON deviation_handling (municipality);
CREATE INDEX deviation_handling_deviation ON deviation_handling (deviation);
CREATE INDEX deviation_handling_handled_by ON deviation_handling (handled_by);

INSERT INTO samband_table (name, scope_column) VALUES
    ('deviation', 'municipality'), ('deviation_handling', 'municipality');
INSERT INTO samband_policy (table_name, column_name, policy) VALUES ('deviation', 'state', 'manual');
