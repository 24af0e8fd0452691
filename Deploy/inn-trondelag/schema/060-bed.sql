-- The 16 intermediate-care beds (intermediære senger), the nights they are taken, and the stays.
--
-- Everyone must see which nights are taken, and nobody may see by whom. So a night of a bed is a row of
-- its own, without identity, seen by all; the stay that uses it belongs to the patient's municipality
-- and refers to its nights. Two sites that take the last free bed of a night off line clash on
-- UNIQUE (bed, night): one stands, the other is withheld with the stay_night that refers to it.

CREATE TABLE bed (
    code  TEXT PRIMARY KEY NOT NULL CHECK (code GLOB 'B[0-9][0-9]'),
    room  TEXT NOT NULL
) STRICT;

CREATE TABLE bed_night (                             -- liggedøgn
    id     BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    bed    TEXT NOT NULL REFERENCES bed (code),
    night  TEXT NOT NULL CHECK (night IS date(night, '+0 days')),  -- the day on which the night begins
    kind   TEXT NOT NULL DEFAULT 'stay' CHECK (kind IN (
               'stay',                               -- taken, or booked, for a patient
               'closed')),                           -- stengt: cleaning, repair, no staff
    UNIQUE (bed, night)
) STRICT;
CREATE INDEX bed_night_night ON bed_night (night);

CREATE TABLE stay (                                  -- opphold
    id             BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    municipality   TEXT NOT NULL REFERENCES municipality (code),  -- the patient's at admission: it pays
    patient        BLOB NOT NULL REFERENCES patient (id),
    referral       BLOB REFERENCES referral (id),
    purpose        TEXT NOT NULL CHECK (purpose IN (
                       'observation_before_hospital',     -- observasjon før innleggelse
                       'observation_instead_of_hospital', -- i stedet for innleggelse
                       'observation_after_hospital',      -- etter utskriving
                       'rehabilitation')),                -- rehabilitering
    admission      TEXT NOT NULL CHECK (admission IS date(admission, '+0 days')),  -- innskriving
    discharge      TEXT CHECK (discharge IS date(discharge, '+0 days')),           -- utskriving; NULL: booked or still here
    discharged_to  TEXT CHECK (discharged_to IN ('home', 'home_care', 'nursing_home', 'hospital', 'died')),
    responsible    BLOB REFERENCES staff (id),
    note           TEXT,
    CHECK (discharge >= admission),
    CHECK (discharged_to IS NULL OR discharge IS NOT NULL)
) STRICT;
CREATE INDEX stay_municipality ON stay (municipality);
CREATE INDEX stay_patient ON stay (patient);
CREATE INDEX stay_referral ON stay (referral);
CREATE INDEX stay_responsible ON stay (responsible);
CREATE INDEX stay_admission ON stay (admission);

CREATE TABLE stay_night (                            -- which bed night a stay uses; a bed night serves one stay
    bed_night     BLOB PRIMARY KEY NOT NULL REFERENCES bed_night (id),
    municipality  TEXT NOT NULL REFERENCES municipality (code),
    stay          BLOB NOT NULL REFERENCES stay (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX stay_night_municipality ON stay_night (municipality);
CREATE INDEX stay_night_stay ON stay_night (stay);

INSERT INTO samband_table (name, scope_column) VALUES
    ('bed', NULL), ('bed_night', NULL), ('stay', 'municipality'), ('stay_night', 'municipality');
INSERT INTO samband_policy (table_name, column_name, policy) VALUES
    ('stay', 'purpose', 'manual'), ('stay', 'discharge', 'manual'), ('stay', 'note', 'newest');
