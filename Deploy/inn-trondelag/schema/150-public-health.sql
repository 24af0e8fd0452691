-- Public health (folkehelse): counts of inhabitants, never of named persons. Seen by all.

CREATE TABLE health_indicator (
    id    TEXT PRIMARY KEY NOT NULL CHECK (id NOT GLOB '*[^a-z0-9-]*'),
    name  TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE health_count (
    municipality  TEXT NOT NULL REFERENCES municipality (code),
    indicator     TEXT NOT NULL REFERENCES health_indicator (id),
    half_year     TEXT NOT NULL CHECK (half_year GLOB '[0-9][0-9][0-9][0-9]-[12]'),
    age_group     TEXT NOT NULL CHECK (age_group IN ('0-17', '18-66', '67+')),
    -- NULL where there are one to four: in a municipality of 810, four people have faces.
    persons       INTEGER CHECK (persons = 0 OR persons >= 5),
    PRIMARY KEY (municipality, indicator, half_year, age_group)
) STRICT, WITHOUT ROWID;
CREATE INDEX health_count_indicator ON health_count (indicator);

INSERT INTO samband_table (name, scope_column) VALUES ('health_indicator', NULL), ('health_count', NULL);
