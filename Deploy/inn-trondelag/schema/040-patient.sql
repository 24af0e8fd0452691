-- Patient and next of kin (pårørende), with the GP (fastlege) who co-ordinates the patient's care.

CREATE TABLE patient (
    id            BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    municipality  TEXT NOT NULL REFERENCES municipality (code),  -- where the patient lives now (bostedskommune)
    national_id   TEXT NOT NULL                      -- fødselsnummer or D-nummer
                  CHECK (length(national_id) = 11 AND national_id NOT GLOB '*[^0-9]*'),
    given_name    TEXT NOT NULL CHECK (given_name <> ''),
    family_name   TEXT NOT NULL CHECK (family_name <> ''),
    born_on       TEXT NOT NULL CHECK (born_on IS date(born_on, '+0 days')),
    died_on       TEXT CHECK (died_on IS date(died_on, '+0 days')),
    sex           TEXT NOT NULL CHECK (sex IN ('female', 'male')),  -- as in the national register
    language      TEXT NOT NULL DEFAULT 'nb' CHECK (language IN (
                      'nb',                          -- bokmål
                      'nn',                          -- nynorsk
                      'sma',                         -- Southern Sámi
                      'other')),                     -- an interpreter (tolk) is needed
    address       TEXT,
    postal_code   TEXT CHECK (postal_code GLOB '[0-9][0-9][0-9][0-9]'),
    phone         TEXT,
    general_practitioner BLOB REFERENCES general_practitioner (staff),  -- the co-ordinator; NULL: no GP yet
    note          TEXT,
    -- Unique within the municipality only: a clash across two municipalities would tell one site that
    -- the other has this patient.
    UNIQUE (municipality, national_id),
    CHECK (died_on >= born_on)
) STRICT;
CREATE INDEX patient_general_practitioner ON patient (general_practitioner);
CREATE INDEX patient_name ON patient (family_name, given_name);

CREATE TABLE next_of_kin (                           -- pårørende
    id            BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    municipality  TEXT NOT NULL REFERENCES municipality (code),  -- the patient's, not the kin's
    patient       BLOB NOT NULL REFERENCES patient (id) ON DELETE CASCADE,
    given_name    TEXT NOT NULL,
    family_name   TEXT NOT NULL,
    relation      TEXT NOT NULL CHECK (relation IN
                      ('spouse', 'parent', 'child', 'sibling', 'other_relative', 'friend', 'guardian')),
    is_closest    INTEGER NOT NULL DEFAULT 0 CHECK (is_closest IN (0, 1)),  -- nærmeste pårørende
    phone         TEXT
) STRICT;
CREATE INDEX next_of_kin_municipality ON next_of_kin (municipality);
CREATE INDEX next_of_kin_patient ON next_of_kin (patient);
CREATE UNIQUE INDEX next_of_kin_one_closest ON next_of_kin (patient) WHERE is_closest = 1;

INSERT INTO samband_table (name, scope_column) VALUES
    ('patient', 'municipality'), ('next_of_kin', 'municipality');
INSERT INTO samband_policy (table_name, column_name, policy) VALUES
    ('patient', 'address', 'newest'), ('patient', 'postal_code', 'newest'),
    ('patient', 'phone', 'newest'), ('patient', 'note', 'newest'),
    ('next_of_kin', 'phone', 'newest');
