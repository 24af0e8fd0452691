-- The 9 dialysis places (dialyseplasser) and their sessions, built like the beds: a slot is a place, a
-- day and a shift, seen by all and without identity; the session belongs to the patient's municipality.

CREATE TABLE dialysis_place (
    code  TEXT PRIMARY KEY NOT NULL CHECK (code GLOB 'D[0-9]')
) STRICT;

CREATE TABLE dialysis_slot (
    id     BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    place  TEXT NOT NULL REFERENCES dialysis_place (code),
    day    TEXT NOT NULL CHECK (day IS date(day, '+0 days')),
    shift  TEXT NOT NULL CHECK (shift IN ('morning', 'afternoon')),  -- dagskift, kveldsskift
    kind   TEXT NOT NULL DEFAULT 'session' CHECK (kind IN ('session', 'closed')),
    UNIQUE (place, day, shift)
) STRICT;
CREATE INDEX dialysis_slot_day ON dialysis_slot (day);

CREATE TABLE dialysis_session (                      -- dialysebehandling; a slot serves one session
    slot          BLOB PRIMARY KEY NOT NULL REFERENCES dialysis_slot (id),
    municipality  TEXT NOT NULL REFERENCES municipality (code),
    patient       BLOB NOT NULL REFERENCES patient (id),
    state         TEXT NOT NULL DEFAULT 'booked' CHECK (state IN ('booked', 'done', 'broken_off', 'missed')),
    weight_before_grams  INTEGER CHECK (weight_before_grams BETWEEN 1000 AND 400000),
    weight_after_grams   INTEGER CHECK (weight_after_grams BETWEEN 1000 AND 400000),
    note          TEXT
) STRICT;
CREATE INDEX dialysis_session_municipality ON dialysis_session (municipality);
CREATE INDEX dialysis_session_patient ON dialysis_session (patient);

INSERT INTO samband_table (name, scope_column) VALUES
    ('dialysis_place', NULL), ('dialysis_slot', NULL), ('dialysis_session', 'municipality');
INSERT INTO samband_policy (table_name, column_name, policy) VALUES ('dialysis_session', 'note', 'newest');
