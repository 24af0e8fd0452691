-- Staff (helsepersonell) and their employers. A person of the staff belongs to an employer, not to a
-- municipality: one nurse may work 60 % for Snåsa and 40 % for the health trust. Seen by all, so that
-- every site can name the person responsible; nothing private stands here.

CREATE TABLE staff (
    id           BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    given_name   TEXT NOT NULL,
    family_name  TEXT NOT NULL,
    profession   TEXT NOT NULL CHECK (profession IN (
                     'physician',                    -- lege
                     'nurse',                        -- sykepleier
                     'auxiliary_nurse',              -- helsefagarbeider
                     'physiotherapist',              -- fysioterapeut
                     'occupational_therapist',       -- ergoterapeut
                     'public_health_nurse',          -- helsesøster
                     'social_worker',                -- sosionom
                     'administrator')),              -- merkantil, koordinerende enhet
    hpr_number   TEXT UNIQUE                         -- helsepersonellnummer, where the profession has one
                 CHECK (hpr_number NOT GLOB '*[^0-9]*'),
    work_phone   TEXT
) STRICT;

CREATE TABLE employment (                            -- ansettelsesforhold
    id            BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    staff         BLOB NOT NULL REFERENCES staff (id) ON DELETE CASCADE,
    organisation  TEXT NOT NULL REFERENCES organisation (id),  -- the employer (arbeidsgiver)
    position      TEXT NOT NULL,                     -- stilling
    percent       INTEGER NOT NULL CHECK (percent BETWEEN 1 AND 100),  -- stillingsprosent
    from_day      TEXT NOT NULL CHECK (from_day IS date(from_day, '+0 days')),
    to_day        TEXT CHECK (to_day IS date(to_day, '+0 days')),         -- NULL: still employed
    UNIQUE (staff, organisation, from_day),
    CHECK (to_day >= from_day)
) STRICT;
CREATE INDEX employment_organisation ON employment (organisation);

CREATE TABLE general_practitioner (                  -- fastlege: a physician who keeps a patient list
    staff         BLOB PRIMARY KEY NOT NULL REFERENCES staff (id),
    municipality  TEXT NOT NULL REFERENCES municipality (code),  -- whose GP contract (fastlegehjemmel) it is
    list_limit    INTEGER NOT NULL DEFAULT 1500 CHECK (list_limit BETWEEN 1 AND 2500),  -- listetak
    accepts_new   INTEGER NOT NULL DEFAULT 1 CHECK (accepts_new IN (0, 1))
) STRICT;
CREATE INDEX general_practitioner_municipality ON general_practitioner (municipality);

INSERT INTO samband_table (name, scope_column) VALUES
    ('staff', NULL), ('employment', NULL), ('general_practitioner', NULL);
INSERT INTO samband_policy (table_name, column_name, policy) VALUES ('staff', 'work_phone', 'newest');
