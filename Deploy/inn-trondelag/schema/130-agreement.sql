-- Agreement (samarbeidsavtale) between a municipality and the host about the use of the beds, its rates,
-- and the settlement (oppgjør) of each stay. Money is whole øre, so that sums are exact.

CREATE TABLE agreement (
    id            TEXT PRIMARY KEY NOT NULL CHECK (id NOT GLOB '*[^a-z0-9-]*'),
    municipality  TEXT NOT NULL REFERENCES municipality (code),  -- who pays
    provider      TEXT NOT NULL REFERENCES organisation (id),    -- who is paid
    title         TEXT NOT NULL,
    valid_from    TEXT NOT NULL CHECK (valid_from IS date(valid_from, '+0 days')),
    valid_to      TEXT CHECK (valid_to IS date(valid_to, '+0 days')),       -- NULL: until terminated
    UNIQUE (municipality, provider, valid_from),
    CHECK (valid_to >= valid_from)
) STRICT;
CREATE INDEX agreement_provider ON agreement (provider);

CREATE TABLE agreement_rate (                        -- døgnpris per formål
    agreement        TEXT NOT NULL REFERENCES agreement (id),
    purpose          TEXT NOT NULL CHECK (purpose IN ('observation_before_hospital',
                         'observation_instead_of_hospital', 'observation_after_hospital', 'rehabilitation')),
    ore_per_night    INTEGER NOT NULL CHECK (ore_per_night >= 0),
    PRIMARY KEY (agreement, purpose)
) STRICT, WITHOUT ROWID;

CREATE TABLE settlement (                            -- oppgjør per opphold og kommune
    id             BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    municipality   TEXT NOT NULL REFERENCES municipality (code),  -- who pays
    stay           BLOB NOT NULL REFERENCES stay (id),
    agreement      TEXT NOT NULL REFERENCES agreement (id),
    nights         INTEGER NOT NULL CHECK (nights >= 0),
    ore_per_night  INTEGER NOT NULL CHECK (ore_per_night >= 0),   -- the rate when it was settled
    amount_ore     INTEGER NOT NULL,
    settled_on     TEXT NOT NULL CHECK (settled_on IS date(settled_on, '+0 days')),
    state          TEXT NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'approved', 'paid', 'disputed')),
    -- One row per stay and payer: a patient who moves house during a stay is shared by two municipalities.
    UNIQUE (stay, municipality),
    CHECK (amount_ore = nights * ore_per_night)
) STRICT;
CREATE INDEX settlement_municipality ON settlement (municipality);
CREATE INDEX settlement_agreement ON settlement (agreement);

INSERT INTO samband_table (name, scope_column) VALUES
    ('agreement', NULL), ('agreement_rate', NULL), ('settlement', 'municipality');
INSERT INTO samband_policy (table_name, column_name, policy) VALUES ('settlement', 'state', 'manual');
