-- Ambulatory teams (ambulante team) of the centre and their visits in the patients' homes.

CREATE TABLE ambulatory_team (
    id            TEXT PRIMARY KEY NOT NULL CHECK (id NOT GLOB '*[^a-z0-9-]*'),
    name          TEXT NOT NULL UNIQUE,
    organisation  TEXT NOT NULL REFERENCES organisation (id)
) STRICT;
CREATE INDEX ambulatory_team_organisation ON ambulatory_team (organisation);

CREATE TABLE team_visit (
    id            BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    municipality  TEXT NOT NULL REFERENCES municipality (code),  -- where the team went
    patient       BLOB NOT NULL REFERENCES patient (id),
    team          TEXT NOT NULL REFERENCES ambulatory_team (id),
    accompanied_by  BLOB REFERENCES staff (id),      -- the municipality's own, who went along
    visited_at    TEXT NOT NULL                      -- local time, 'YYYY-MM-DDTHH:MM'
                  CHECK (visited_at IS strftime('%Y-%m-%dT%H:%M', visited_at, '+0 days')),
    minutes       INTEGER NOT NULL CHECK (minutes BETWEEN 5 AND 600),
    travel_km     INTEGER NOT NULL DEFAULT 0 CHECK (travel_km BETWEEN 0 AND 500),
    purpose       TEXT NOT NULL CHECK (purpose IN ('assessment', 'treatment', 'guidance', 'follow_up')),
    note          TEXT
) STRICT;
CREATE INDEX team_visit_municipality ON team_visit (municipality);
CREATE INDEX team_visit_patient ON team_visit (patient);
CREATE INDEX team_visit_team ON team_visit (team);
CREATE INDEX team_visit_accompanied_by ON team_visit (accompanied_by);

INSERT INTO samband_table (name, scope_column) VALUES
    ('ambulatory_team', NULL), ('team_visit', 'municipality');
INSERT INTO samband_policy (table_name, column_name, policy) VALUES ('team_visit', 'note', 'newest');
