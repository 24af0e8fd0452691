-- Outpatient clinics (poliklinikker) that the hospitals hold at the centre, and their appointments.

CREATE TABLE clinic (
    id            TEXT PRIMARY KEY NOT NULL CHECK (id NOT GLOB '*[^a-z0-9-]*'),
    specialty     TEXT NOT NULL,                     -- fagområde
    organisation  TEXT NOT NULL REFERENCES organisation (id)  -- who holds it
) STRICT;
CREATE INDEX clinic_organisation ON clinic (organisation);

CREATE TABLE appointment (                           -- poliklinisk konsultasjon
    id            BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    municipality  TEXT NOT NULL REFERENCES municipality (code),
    patient       BLOB NOT NULL REFERENCES patient (id),
    clinic        TEXT NOT NULL REFERENCES clinic (id),
    referral      BLOB REFERENCES referral (id),
    specialist    BLOB REFERENCES staff (id),        -- NULL until the clinic has named one
    starts_at     TEXT NOT NULL                      -- local time of the centre, 'YYYY-MM-DDTHH:MM'
                  CHECK (starts_at IS strftime('%Y-%m-%dT%H:%M', starts_at, '+0 days')),
    minutes       INTEGER NOT NULL DEFAULT 30 CHECK (minutes BETWEEN 5 AND 480),
    state         TEXT NOT NULL DEFAULT 'booked' CHECK (state IN ('booked', 'attended', 'missed', 'cancelled')),
    note          TEXT,
    UNIQUE (patient, starts_at)                      -- nobody is in two clinics at once
) STRICT;
CREATE INDEX appointment_municipality ON appointment (municipality);
CREATE INDEX appointment_clinic ON appointment (clinic);
CREATE INDEX appointment_referral ON appointment (referral);
CREATE INDEX appointment_specialist ON appointment (specialist);

INSERT INTO samband_table (name, scope_column) VALUES ('clinic', NULL), ('appointment', 'municipality');
INSERT INTO samband_policy (table_name, column_name, policy) VALUES ('appointment', 'note', 'newest');
