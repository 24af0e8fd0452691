-- Courses: those of the competence centre (kompetansesenter) for staff, and learning and coping courses
-- (lærings- og mestringskurs) for patients and their kin, by kind. Courses are seen by all; that a
-- patient takes part belongs to the patient's municipality.

CREATE TABLE course_kind (
    id         TEXT PRIMARY KEY NOT NULL CHECK (id NOT GLOB '*[^a-z0-9-]*'),
    programme  TEXT NOT NULL CHECK (programme IN (
                   'competence',                     -- kompetansesenteret
                   'learning_and_coping')),          -- læring og mestring
    title      TEXT NOT NULL UNIQUE                  -- as announced, in Norwegian or Southern Sámi
) STRICT;

CREATE TABLE course (
    id            BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    municipality  TEXT NOT NULL REFERENCES municipality (code),  -- where it is held
    kind          TEXT NOT NULL REFERENCES course_kind (id),
    starts_on     TEXT NOT NULL CHECK (starts_on IS date(starts_on, '+0 days')),
    ends_on       TEXT NOT NULL CHECK (ends_on IS date(ends_on, '+0 days')),
    seats         INTEGER NOT NULL CHECK (seats > 0),
    venue         TEXT,
    CHECK (ends_on >= starts_on)
) STRICT;
CREATE INDEX course_municipality ON course (municipality);
CREATE INDEX course_kind_of ON course (kind);

CREATE TABLE course_staff (                          -- staff who take part
    course    BLOB NOT NULL REFERENCES course (id),
    staff     BLOB NOT NULL REFERENCES staff (id),
    attended  INTEGER CHECK (attended IN (0, 1)),    -- NULL: not held yet
    PRIMARY KEY (course, staff)
) STRICT;
CREATE INDEX course_staff_staff ON course_staff (staff);

CREATE TABLE course_patient (                        -- patients who take part
    course        BLOB NOT NULL REFERENCES course (id),
    patient       BLOB NOT NULL REFERENCES patient (id),
    municipality  TEXT NOT NULL REFERENCES municipality (code),
    with_kin      INTEGER NOT NULL DEFAULT 0 CHECK (with_kin BETWEEN 0 AND 9),  -- how many next of kin come along
    attended      INTEGER CHECK (attended IN (0, 1)),
    PRIMARY KEY (course, patient)
) STRICT;
CREATE INDEX course_patient_patient ON course_patient (patient);
CREATE INDEX course_patient_municipality ON course_patient (municipality);

INSERT INTO samband_table (name, scope_column) VALUES
    ('course_kind', NULL), ('course', NULL), ('course_staff', NULL), ('course_patient', 'municipality');
INSERT INTO samband_policy (table_name, column_name, policy) VALUES ('course', 'venue', 'newest');
