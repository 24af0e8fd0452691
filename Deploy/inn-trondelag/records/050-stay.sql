-- Stays. Each bed has 25 fortnights of 14 nights from 2011-01-03 on. All 400 are allotted beforehand by
-- a lottery over the inhabitants of 2011 that knows no seed: fortnight k of the list belongs to the
-- municipality of inhabitant number 20327 k, modulo everyone. (The factor is near the golden ratio and
-- prime to the number of inhabitants, so any stretch of the list is shared out fairly.) So two sites never
-- take one night, whoever loads first. A municipality fills its own fortnights with one stay each.

CREATE TEMP TABLE planned_stay AS
WITH own AS (
    SELECT dice.*, n / 16 AS fortnight, printf('B%02d', n % 16 + 1) AS bed, row_number() OVER (ORDER BY h, n) AS turn
    FROM dice JOIN here
    WHERE kind = 'bed_slot' AND (n * 20327) % everyone >= from_inhabitant AND (n * 20327) % everyone < to_inhabitant),
used AS (
    SELECT own.*, row_number() OVER (PARTITION BY fortnight ORDER BY own.n) AS nth,
           CASE WHEN a % 20 < 3 THEN 'observation_before_hospital' WHEN a % 20 < 9 THEN 'observation_instead_of_hospital'
                WHEN a % 20 < 15 THEN 'observation_after_hospital' ELSE 'rehabilitation' END AS purpose
    FROM own JOIN amount ON amount.kind = 'stay' AND turn <= rows),
long AS (
    SELECT *, CASE purpose WHEN 'observation_before_hospital' THEN 1 + b % 3
                           WHEN 'observation_instead_of_hospital' THEN 2 + b % 5
                           WHEN 'observation_after_hospital' THEN 3 + b % 8
                           ELSE 7 + b % 8 END AS nights
    FROM used)
SELECT long.id, bed, purpose, nights, long.e AS luck, long.f AS more_luck,
       date('2011-01-03', (14 * fortnight + long.c % (15 - nights)) || ' days') AS admission,
       -- Nobody lies in two beds: within a fortnight the stays go to patients in turn.
       (SELECT id FROM patient_number WHERE n = (lot.a + nth) % amount.rows) AS patient
FROM long JOIN amount ON amount.kind = 'patient' JOIN dice AS lot ON lot.kind = 'fortnight' AND lot.n = fortnight;

-- The last night of the year: 15 of the 16 beds are booked ahead, by all five municipalities. B16 is free.
INSERT INTO planned_stay
SELECT substr(sha3(here.salt || 'last-night/' || bed, 256), 1, 16), bed, 'observation_after_hospital', 1, NULL, NULL,
       '2011-12-31', patient_number.id
FROM (WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 15)
      SELECT i, printf('B%02d', i) AS bed,
             CASE WHEN i <= 9 THEN 0 WHEN i <= 12 THEN 1 ELSE i - 11 END AS rank  -- 9, 3, 1, 1, 1
      FROM n)
JOIN here USING (rank) JOIN patient_number ON patient_number.n = iif(i <= 9, i, iif(i <= 12, i - 9, 1));

INSERT INTO stay (id, municipality, patient, referral, purpose, admission, discharge, discharged_to, responsible, note)
SELECT planned_stay.id, here.code, patient,
       (SELECT id FROM referral WHERE referral.patient = planned_stay.patient AND sent_on <= admission ORDER BY sent_on, id LIMIT 1),
       purpose, admission, iif(luck IS NULL, NULL, date(admission, nights || ' days')),
       iif(luck IS NULL, NULL, ('["home","home","home_care","home_care","nursing_home","hospital"]' ->> (luck % 6))),
       (SELECT id FROM dice WHERE kind = 'staff' AND n = coalesce(more_luck, 0) % amount.rows),
       CASE WHEN luck IS NULL THEN 'Bestilt på forhånd' WHEN more_luck % 5 = 0 THEN 'God nattesøvn, oppegående' END
FROM planned_stay JOIN here JOIN amount ON amount.kind = 'staff'
ORDER BY admission, bed;

CREATE TEMP TABLE planned_night AS
WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 13)
SELECT substr(sha3('bed_night/' || bed || '/' || date(admission, i || ' days'), 256), 1, 16) AS bed_night,
       bed, date(admission, i || ' days') AS night, planned_stay.id AS stay
FROM planned_stay JOIN n ON i < nights;

INSERT INTO bed_night (id, bed, night) SELECT bed_night, bed, night FROM planned_night ORDER BY night, bed;
INSERT INTO stay_night (bed_night, municipality, stay)
SELECT bed_night, here.code, stay FROM planned_night JOIN here ORDER BY night, bed;

INSERT INTO settlement (id, municipality, stay, agreement, nights, ore_per_night, amount_ore, settled_on, state)
SELECT substr(sha3(here.salt || 'settlement/' || hex(stay.id), 256), 1, 16), here.code, stay.id, agreement.id,
       nights, rate.ore_per_night, nights * rate.ore_per_night, date(discharge, '14 days'),
       CASE WHEN discharge < '2011-09-01' THEN 'paid' WHEN discharge < '2011-11-15' THEN 'approved' ELSE 'draft' END
FROM stay JOIN planned_stay USING (id) JOIN here
JOIN agreement ON agreement.municipality = here.code
JOIN agreement_rate AS rate ON rate.agreement = agreement.id AND rate.purpose = stay.purpose
WHERE discharge IS NOT NULL ORDER BY stay.admission, bed;
