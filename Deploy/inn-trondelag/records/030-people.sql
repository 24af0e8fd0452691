-- Staff with their employer, the GPs among them, patients with their next of kin.

INSERT INTO staff (id, given_name, family_name, profession, hpr_number, work_phone)
SELECT dice.id, given.name, family.name,
       CASE WHEN dice.n < (SELECT rows FROM amount WHERE kind = 'practitioner') THEN 'physician'
            ELSE ('["nurse","physiotherapist","auxiliary_nurse","nurse","occupational_therapist","public_health_nurse","social_worker","administrator"]'
                              ->> (dice.n % 8)) END,
       -- Begins with 0, as no real number does, then the municipality and a running number.
       printf('0%s%04d', here.code, dice.n),
       printf('000 %02d %03d', here.rank, dice.n)   -- no such number can be dialled
FROM dice JOIN here
JOIN given ON given.language = iif(dice.e < 9000, 'nn', iif(dice.e < 12000, 'sma', 'nb'))
          AND given.sex = iif(dice.a & 1, 'female', 'male') AND given.n = dice.b >> 12
JOIN family ON family.language = given.language AND family.n = dice.c >> 12
WHERE dice.kind = 'staff' ORDER BY dice.n;

INSERT INTO employment (id, staff, organisation, position, percent, from_day)
SELECT substr(sha3(here.salt || 'employment/' || dice.n, 256), 1, 16), dice.id, here.organisation,
       iif(dice.n < amount.rows, 'Fastlege', 'Fast stilling'),
       ('[100,100,80,75,60,50]' ->> (dice.d % 6)),
       date('2000-01-01', (dice.f * 3900 >> 16) || ' days')
FROM dice JOIN here JOIN amount ON amount.kind = 'practitioner' WHERE dice.kind = 'staff' ORDER BY dice.n;

INSERT INTO general_practitioner (staff, municipality, list_limit, accepts_new)
SELECT dice.id, here.code, 600 + (dice.g >> 6), dice.h & 1
FROM dice JOIN here JOIN amount ON amount.kind = 'practitioner'
WHERE dice.kind = 'staff' AND dice.n < amount.rows ORDER BY dice.n;

-- Patients: older people more often than young ones, and now and then Southern Sámi, oftest in Snåsa.
CREATE TEMP TABLE person AS
SELECT n, id, iif(a & 1, 'female', 'male') AS sex,
       date('2011-01-01', '-' || (max(b, c) * 35400 >> 16) || ' days') AS born_on,
       CASE WHEN d < iif(here.site = 'snasa', 13000, 1600) THEN 'sma' WHEN d > 57000 THEN 'nn' ELSE 'nb' END AS language,
       e >> 12 AS given_n, f >> 12 AS family_n, g, h
FROM dice JOIN here WHERE kind = 'patient';

-- Evidently synthetic national identity numbers: day, month + 80 as in the national synthetic test
-- population, year, an individual number (its last digit even for women, 500 and up from the year
-- 2000), two check digits by the real rule. Each municipality has individual numbers of its own.
CREATE TEMP TABLE national AS
WITH RECURSIVE
    series (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM series WHERE i < 49),
    nth AS (SELECT n, sex, born_on, row_number() OVER (PARTITION BY born_on, sex ORDER BY n) AS r FROM person),
    born AS (SELECT DISTINCT born_on, sex FROM nth),
    nine AS (
        SELECT born_on, sex, i,
               substr(born_on, 9, 2) || (substr(born_on, 6, 2) + 80) || substr(born_on, 3, 2)
               || printf('%03d', iif(born_on >= '2000', 500, 0) + 2 * (here.rank * 50 + i) + (sex = 'male')) AS t
        FROM born, series, here),
    first_check AS (
        SELECT *, (11 - (3 * substr(t, 1, 1) + 7 * substr(t, 2, 1) + 6 * substr(t, 3, 1) + 1 * substr(t, 4, 1)
                         + 8 * substr(t, 5, 1) + 9 * substr(t, 6, 1) + 4 * substr(t, 7, 1) + 5 * substr(t, 8, 1)
                         + 2 * substr(t, 9, 1)) % 11) % 11 AS k1
        FROM nine),
    second_check AS (
        SELECT *, (11 - (5 * substr(t, 1, 1) + 4 * substr(t, 2, 1) + 3 * substr(t, 3, 1) + 2 * substr(t, 4, 1)
                         + 7 * substr(t, 5, 1) + 6 * substr(t, 6, 1) + 5 * substr(t, 7, 1) + 4 * substr(t, 8, 1)
                         + 3 * substr(t, 9, 1) + 2 * k1) % 11) % 11 AS k2
        FROM first_check WHERE k1 < 10),
    valid AS (
        SELECT born_on, sex, t || k1 || k2 AS national_id, row_number() OVER (PARTITION BY born_on, sex ORDER BY i) AS r
        FROM second_check WHERE k2 < 10)
SELECT nth.n, national_id FROM nth JOIN valid USING (born_on, sex, r);

INSERT INTO patient (id, municipality, national_id, given_name, family_name, born_on, sex, language,
                     address, postal_code, phone, general_practitioner, note)
SELECT person.id, here.code, national_id, given.name, family.name, born_on, person.sex, person.language,
       street.name || ' ' || (1 + h % 60), postal.code, printf('000 %02d %03d', 10 + here.rank, person.n % 1000),
       (SELECT id FROM dice WHERE kind = 'staff' AND n = person.n % amount.rows),
       CASE g % 9 WHEN 0 THEN 'Ønsker samtale på ' || iif(person.language = 'sma', 'sørsamisk', 'dialekt')
                  WHEN 1 THEN 'Bur åleine, heimehjelp kvar tysdag' WHEN 2 THEN 'Allergisk mot penicillin' END
FROM person JOIN national USING (n) JOIN here
JOIN amount ON amount.kind = 'practitioner'
JOIN given ON given.language = person.language AND given.sex = person.sex AND given.n = given_n
JOIN family ON family.language = person.language AND family.n = family_n
JOIN street ON street.n = g >> 12
JOIN postal ON postal.municipality = here.code
ORDER BY person.n;

-- A municipality's patients by number, for what follows.
CREATE TEMP TABLE patient_number AS SELECT n, id FROM person;
CREATE UNIQUE INDEX temp.patient_number_n ON patient_number (n);

INSERT INTO next_of_kin (id, municipality, patient, given_name, family_name, relation, is_closest, phone)
SELECT dice.id, here.code, patient.id, given.name, patient.family_name,
       ('["spouse","child","child","sibling","parent","other_relative"]' ->> (dice.c % 6)),
       1, printf('000 %02d %03d', 20 + here.rank, dice.n % 1000)
FROM dice JOIN here JOIN patient_number USING (n) JOIN patient ON patient.id = patient_number.id
JOIN given ON given.language = patient.language AND given.sex = iif(dice.a & 1, 'female', 'male') AND given.n = dice.b >> 12
WHERE dice.kind = 'next_of_kin' ORDER BY dice.n;
