-- What the fleet begins with: the five municipalities of 2011, the organisations, the beds and places,
-- the clinics, teams, course kinds, agreements, the board and the indicators. Rates are examples.

INSERT INTO municipality (code, name, name_sma, site, is_host) VALUES
    ('1702', 'Steinkjer', 'Stïentje', 'steinkjer', 1),
    ('1729', 'Inderøy',   NULL,       'inderoy',   0),
    ('1724', 'Verran',    NULL,       'verran',    0),
    ('1736', 'Snåsa',     'Snåase',   'snasa',     0),
    ('1723', 'Mosvik',    NULL,       'mosvik',    0);

INSERT INTO population (municipality, year, inhabitants) VALUES
    ('1702', 2011, 21080), ('1729', 2011, 5879), ('1724', 2011, 2914), ('1736', 2011, 2164), ('1723', 2011, 810);

INSERT INTO organisation (id, name, kind, care_line, parent, municipality) VALUES
    ('helse-midt-norge',     'Helse Midt-Norge RHF',     'regional_trust', 'second', NULL,                   NULL),
    ('helse-nord-trondelag', 'Helse Nord-Trøndelag HF',  'health_trust',   'second', 'helse-midt-norge',     NULL),
    ('sykehuset-levanger',   'Sykehuset Levanger',       'hospital',       'second', 'helse-nord-trondelag', NULL),
    ('sykehuset-namsos',     'Sykehuset Namsos',         'hospital',       'second', 'helse-nord-trondelag', NULL),
    ('steinkjer-kommune',    'Steinkjer kommune',        'municipality',   'first',  NULL, '1702'),
    ('inderoy-kommune',      'Inderøy kommune',          'municipality',   'first',  NULL, '1729'),
    ('verran-kommune',       'Verran kommune',           'municipality',   'first',  NULL, '1724'),
    ('snasa-kommune',        'Snåsa kommune – Snåasen tjïelte', 'municipality', 'first', NULL, '1736'),
    ('mosvik-kommune',       'Mosvik kommune',           'municipality',   'first',  NULL, '1723'),
    ('dms-inn-trondelag',    'DMS Inn-Trøndelag',        'centre',         'both',   'steinkjer-kommune', '1702'),
    -- Private providers stand as groups: no firm is named.
    ('private-physiotherapy',  'Privatpraktiserende fysioterapeuter med driftsavtale', 'private_provider', 'first',  NULL, NULL),
    ('private-rehabilitation', 'Private rehabiliteringsinstitusjoner med avtale',      'private_provider', 'second', NULL, NULL),
    ('private-imaging',        'Privat røntgen og laboratorium',                       'private_provider', 'second', NULL, NULL);

WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 16)
INSERT INTO bed (code, room) SELECT printf('B%02d', i), printf('Rom %d', (i + 1) / 2) FROM n;

WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 9)
INSERT INTO dialysis_place (code) SELECT printf('D%d', i) FROM n;

INSERT INTO clinic (id, specialty, organisation) VALUES
    ('cardiology',    'Hjertesykdommer',             'sykehuset-levanger'),
    ('dermatology',   'Hudsykdommer',                'sykehuset-levanger'),
    ('ear-nose-throat', 'Øre-nese-hals',             'sykehuset-namsos'),
    ('gynaecology',   'Kvinnesykdommer',             'sykehuset-levanger'),
    ('nephrology',    'Nyresykdommer',               'sykehuset-levanger'),
    ('orthopaedics',  'Ortopedi',                    'sykehuset-namsos'),
    ('psychiatry',    'Psykisk helsevern for voksne', 'sykehuset-levanger'),
    ('imaging',       'Røntgen og ultralyd',         'private-imaging');

INSERT INTO ambulatory_team (id, name, organisation) VALUES
    ('rehabilitation', 'Ambulant rehabiliteringsteam',       'dms-inn-trondelag'),
    ('palliative',     'Ambulant kreft- og lindringsteam',   'dms-inn-trondelag'),
    ('geriatric',      'Alderspsykiatrisk team',             'helse-nord-trondelag'),
    ('mental-health',  'Ambulant akutteam, psykisk helse',   'helse-nord-trondelag');

INSERT INTO course_kind (id, programme, title) VALUES
    ('heart-school',     'learning_and_coping', 'Hjerteskole'),
    ('emergency-care',   'competence',          'Akuttmedisin og hjerte-lungeredning'),
    ('diabetes',         'learning_and_coping', 'Startkurs diabetes type 2'),
    ('medication',       'competence',          'Legemiddelhåndtering'),
    ('copd',             'learning_and_coping', 'KOLS-skole'),
    ('wound-care',       'competence',          'Sårbehandling'),
    ('coping-pain',      'learning_and_coping', 'Meistring av langvarig smerte'),
    ('dementia',         'competence',          'Demensomsorgens ABC'),
    ('kin-dementia',     'learning_and_coping', 'Pårørendeskole demens'),
    ('sami-culture',     'competence',          'Saemien kultuvre jïh gïele – samisk kultur og språk i helsetjenesten');

INSERT INTO agreement (id, municipality, provider, title, valid_from, valid_to)
SELECT 'beds-' || site, code, 'dms-inn-trondelag', 'Avtale om bruk av intermediære senger, ' || name, '2011-01-01', NULL
FROM municipality;

INSERT INTO agreement_rate (agreement, purpose, ore_per_night)
SELECT agreement.id, rate.column1, rate.column2
FROM agreement, (VALUES ('observation_before_hospital', 310000), ('observation_instead_of_hospital', 310000),
                        ('observation_after_hospital', 240000), ('rehabilitation', 195000)) AS rate;

INSERT INTO board (id, name, host) VALUES ('dms-nemnd', 'Folkevalgt nemnd for DMS Inn-Trøndelag', '1702');

INSERT INTO health_indicator (id, name) VALUES
    ('daily-smokers',      'Dagligrøykere'),
    ('diabetes',           'Bruker legemidler mot diabetes'),
    ('copd',               'KOLS, i kontakt med fastlegen'),
    ('fall-injuries',      'Behandlet etter fall'),
    ('mental-health',      'Psykiske plager, i kontakt med fastlegen'),
    ('influenza-vaccine',  'Vaksinert mot influensa');
