-- Organisation (virksomhet): the municipalities as employers and providers, the regional trust, the
-- health trust with its two hospitals, the centre itself, private providers. Seen by all.

CREATE TABLE organisation (
    id            TEXT PRIMARY KEY NOT NULL          -- a readable name: 'helse-nord-trondelag'
                  CHECK (id GLOB '[a-z]*' AND id NOT GLOB '*[^a-z0-9-]*'),
    name          TEXT NOT NULL UNIQUE,
    kind          TEXT NOT NULL CHECK (kind IN (
                      'municipality',                -- kommune
                      'regional_trust',              -- regionalt helseforetak (RHF)
                      'health_trust',                -- helseforetak (HF)
                      'hospital',                    -- sykehus
                      'centre',                      -- distriktsmedisinsk senter (DMS)
                      'private_provider')),          -- privat tjenesteyter
    care_line     TEXT NOT NULL CHECK (care_line IN (
                      'first',                       -- førstelinjen: kommunehelsetjenesten
                      'second',                      -- andrelinjen: spesialisthelsetjenesten
                      'both')),                      -- the centre stands between them
    parent        TEXT REFERENCES organisation (id), -- the owner: the trust of a hospital
    municipality  TEXT REFERENCES municipality (code),  -- set when it is, or lies under, one municipality
    CHECK (parent <> id),
    CHECK (kind <> 'municipality' OR municipality IS NOT NULL)
) STRICT;
CREATE INDEX organisation_parent ON organisation (parent);
CREATE INDEX organisation_municipality ON organisation (municipality);

INSERT INTO samband_table (name, scope_column) VALUES ('organisation', NULL);
