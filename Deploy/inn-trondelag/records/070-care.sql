-- Outpatient appointments, individual plans with their measures, visits of the ambulatory teams.

-- OR IGNORE: a second appointment of one patient at the same hour is left out.
INSERT OR IGNORE INTO appointment (id, municipality, patient, clinic, referral, starts_at, minutes, state, note)
SELECT dice.id, here.code, patient_number.id,
       ('["cardiology","dermatology","ear-nose-throat","gynaecology","nephrology","orthopaedics","psychiatry","imaging"]'
                    ->> (iif(patient.sex = 'male' AND b % 8 = 3, 0, b % 8))),
       (SELECT id FROM referral WHERE referral.patient = patient.id AND direction = 'to_second_line' ORDER BY sent_on, id LIMIT 1),
       strftime('%Y-%m-%dT%H:%M', '2011-01-03', (7 * (c * 50 >> 16) + d % 5) || ' days', (480 + 15 * (e % 30)) || ' minutes'),
       15 * (1 + f % 4),
       CASE WHEN g % 20 = 0 THEN 'missed' WHEN g % 20 = 1 THEN 'cancelled' ELSE 'attended' END,
       iif(g % 11 = 5, 'Kjem med drosje', NULL)
FROM dice JOIN here JOIN amount ON amount.kind = 'patient'
JOIN patient_number ON patient_number.n = a % amount.rows JOIN patient ON patient.id = patient_number.id
WHERE dice.kind = 'appointment' ORDER BY dice.n;

-- Plan number n is for patient number 2n, so that nobody has two.
INSERT INTO individual_plan (id, municipality, patient, coordinator, goal, opened_on, closed_on, note)
SELECT dice.id, here.code, patient_number.id, staff.id,
       ('["Å bu heime så lenge som mogleg","Å gå tur til postkassen på egen hånd","Å komme tilbake i arbeid","Å fiske i Snåsavatnet til sommeren","Å sove godt","Å klare innkjøp selv","Gåatan båetedh – å komme hjem"]' ->> (dice.a % 7)),
       date('2011-01-03', (dice.b * 330 >> 16) || ' days'),
       iif(dice.c % 4 = 0, date('2011-01-03', ((dice.b * 330 >> 16) + 14) || ' days'), NULL),
       iif(dice.d % 6 = 0, 'Neste ansvarsgruppe avtales', NULL)
FROM dice JOIN here JOIN amount ON amount.kind = 'staff'
JOIN patient_number ON patient_number.n = 2 * dice.n
JOIN dice AS staff ON staff.kind = 'staff' AND staff.n = (dice.e % (amount.rows - 1)) + 1
WHERE dice.kind = 'individual_plan' ORDER BY dice.n;

INSERT INTO measure (id, municipality, plan, step, title, organisation, responsible, due_on, state)
WITH step (step, title) AS (VALUES (1, 'Kartlegging i heimen'), (2, 'Opphold eller poliklinikk'), (3, 'Opptrening og oppfølging'))
SELECT substr(sha3(here.salt || 'measure/' || dice.n || '/' || step, 256), 1, 16), here.code, dice.id, step, title,
       iif(step = 2, iif(dice.f & 1, 'sykehuset-levanger', 'dms-inn-trondelag'), here.organisation),
       iif(step = 2, NULL, coordinator), date(opened_on, (21 * step) || ' days'),
       CASE WHEN closed_on IS NOT NULL OR step <= dice.g % 4 THEN 'done' WHEN step = dice.g % 4 + 1 THEN 'under_way' ELSE 'planned' END
FROM dice JOIN here JOIN individual_plan ON individual_plan.id = dice.id JOIN step
WHERE dice.kind = 'individual_plan' ORDER BY dice.n, step;

INSERT INTO team_visit (id, municipality, patient, team, accompanied_by, visited_at, minutes, travel_km, purpose, note)
SELECT dice.id, here.code, patient_number.id,
       ('["rehabilitation","palliative","geriatric","mental-health"]' ->> (b % 4)),
       (SELECT id FROM dice AS staff WHERE kind = 'staff' AND n = dice.c % (SELECT rows FROM amount WHERE kind = 'staff')),
       strftime('%Y-%m-%dT%H:%M', '2011-01-03', (7 * (d * 50 >> 16) + e % 5) || ' days', (540 + 30 * (f % 11)) || ' minutes'),
       30 + 15 * (g % 7), 10 * here.rank + h % 40,
       ('["assessment","treatment","guidance","follow_up"]' ->> (g % 4)),
       iif(h % 5 = 0, 'Trapp uten rekkverk, meldt hjelpemiddelsentralen', NULL)
FROM dice JOIN here JOIN amount ON amount.kind = 'patient' JOIN patient_number ON patient_number.n = a % amount.rows
WHERE dice.kind = 'team_visit' ORDER BY dice.n;
