-- Individual plan (individuell plan) and its chain of measures (tiltakskjede) across both lines.

CREATE TABLE individual_plan (
    id            BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    municipality  TEXT NOT NULL REFERENCES municipality (code),
    patient       BLOB NOT NULL REFERENCES patient (id),
    coordinator   BLOB NOT NULL REFERENCES staff (id),  -- koordinator
    goal          TEXT NOT NULL,                     -- the patient's own words (brukerens mål)
    opened_on     TEXT NOT NULL CHECK (opened_on IS date(opened_on, '+0 days')),
    closed_on     TEXT CHECK (closed_on IS date(closed_on, '+0 days')),
    note          TEXT,
    CHECK (closed_on >= opened_on)
) STRICT;
CREATE INDEX individual_plan_municipality ON individual_plan (municipality);
CREATE INDEX individual_plan_patient ON individual_plan (patient);
CREATE INDEX individual_plan_coordinator ON individual_plan (coordinator);
CREATE UNIQUE INDEX individual_plan_one_open ON individual_plan (patient) WHERE closed_on IS NULL;

CREATE TABLE measure (                               -- tiltak
    id            BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    municipality  TEXT NOT NULL REFERENCES municipality (code),
    plan          BLOB NOT NULL REFERENCES individual_plan (id) ON DELETE CASCADE,
    step          INTEGER NOT NULL CHECK (step >= 1),   -- place in the chain
    title         TEXT NOT NULL,
    organisation  TEXT NOT NULL REFERENCES organisation (id),  -- who carries it out
    responsible   BLOB REFERENCES staff (id),
    due_on        TEXT CHECK (due_on IS date(due_on, '+0 days')),
    state         TEXT NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'under_way', 'done', 'dropped')),
    note          TEXT,
    UNIQUE (plan, step)
) STRICT;
CREATE INDEX measure_municipality ON measure (municipality);
CREATE INDEX measure_organisation ON measure (organisation);
CREATE INDEX measure_responsible ON measure (responsible);

INSERT INTO samband_table (name, scope_column) VALUES
    ('individual_plan', 'municipality'), ('measure', 'municipality');
INSERT INTO samband_policy (table_name, column_name, policy) VALUES
    ('individual_plan', 'note', 'newest'), ('measure', 'state', 'manual'), ('measure', 'note', 'newest');
