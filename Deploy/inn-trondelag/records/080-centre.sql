-- Courses with those who take part, deviations and their handling, the board, public-health counts.

INSERT INTO course (id, municipality, kind, starts_on, ends_on, seats, venue)
SELECT dice.id, here.code, course_kind.id, date('2011-01-10', (a * 320 >> 16) || ' days'),
       date('2011-01-10', ((a * 320 >> 16) + b % 3) || ' days'), 10 + c % 15,
       ('["Møterom Snåsavatnet","Kurslokale DMS","Helsetunet","Rådhuset"]' ->> (d % 4))
FROM dice JOIN here
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM course_kind) AS course_kind
  ON course_kind.n = (dice.n + 3 * here.rank) % (SELECT count(*) FROM main.course_kind)
WHERE dice.kind = 'course' ORDER BY dice.n;

INSERT INTO course_staff (course, staff, attended)
WITH seat (i) AS (VALUES (0), (1), (2), (3))
SELECT course.id, staff.id, (dice.e + i) % 9 > 0
FROM dice JOIN course ON course.id = dice.id JOIN course_kind ON course_kind.id = course.kind JOIN seat
JOIN amount ON amount.kind = 'staff' JOIN dice AS staff ON staff.kind = 'staff' AND staff.n = (dice.f + i) % amount.rows
WHERE dice.kind = 'course' AND programme = 'competence' ORDER BY dice.n, i;

INSERT INTO course_patient (course, patient, municipality, with_kin, attended)
WITH RECURSIVE seat (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM seat WHERE i < 7)
SELECT course.id, patient_number.id, here.code, (dice.g + i) % 3 = 0, (dice.e + i) % 9 > 0
FROM dice JOIN here JOIN course ON course.id = dice.id JOIN course_kind ON course_kind.id = course.kind
JOIN amount ON amount.kind = 'patient' JOIN seat ON i < amount.rows
JOIN patient_number ON patient_number.n = (dice.h + i) % amount.rows
WHERE dice.kind = 'course' AND programme = 'learning_and_coping' ORDER BY dice.n, i;

INSERT INTO deviation (id, municipality, reported_by, concerns, happened_on, reported_on, category, severity, description, state)
SELECT dice.id, here.code,
       iif(a & 1, here.organisation, hospital), iif(a & 1, hospital, here.organisation),
       happened_on, date(happened_on, (c % 6) || ' days'), category, 1 + d * d / 1073741824,
       CASE category WHEN 'discharge' THEN 'Epikrise mangla ved heimkomst' WHEN 'medication' THEN 'Legemiddelliste ikke oppdatert'
            WHEN 'communication' THEN 'Beskjed nådde ikke fram før helga' WHEN 'transport' THEN 'Drosje kom to timer for seint'
            WHEN 'equipment' THEN 'Rullator ikke levert' ELSE 'Innkalling kom etter fristen' END,
       CASE e % 4 WHEN 0 THEN 'under_way' ELSE 'closed' END
FROM (SELECT *, iif(b % 4 = 0, 'sykehuset-namsos', 'sykehuset-levanger') AS hospital,
             date('2011-01-03', (f * 330 >> 16) || ' days') AS happened_on,
             ('["discharge","medication","communication","transport","equipment","waiting_time"]' ->> (g % 6)) AS category
      FROM dice WHERE kind = 'deviation') AS dice JOIN here
ORDER BY dice.n;

INSERT INTO deviation_handling (id, municipality, deviation, handled_on, kind, handled_by, text)
WITH step (i, kind, text) AS (VALUES (0, 'received', 'Mottatt'), (1, 'assessed', 'Drøftet i samarbeidsutvalget'),
                                     (2, 'closed', 'Rutine endret, avvik lukket'))
SELECT substr(sha3(here.salt || 'handling/' || dice.n || '/' || i, 256), 1, 16), here.code, deviation.id,
       date(reported_on, (1 + 6 * i) || ' days'), step.kind,
       (SELECT id FROM dice AS staff WHERE kind = 'staff' AND n = (dice.h + i) % (SELECT rows FROM amount WHERE kind = 'staff')), text
FROM dice JOIN here JOIN deviation ON deviation.id = dice.id JOIN step ON i < iif(state = 'closed', 3, 2)
WHERE dice.kind = 'deviation' ORDER BY dice.n, i;

INSERT INTO board_member (id, board, municipality, given_name, family_name, role, elected_on)
SELECT dice.id, 'dms-nemnd', here.code, given.name, family.name,
       CASE WHEN dice.n = 0 AND rank = 0 THEN 'chair' WHEN dice.n = 0 AND rank = 1 THEN 'deputy_chair' ELSE 'member' END, '2011-01-01'
FROM dice JOIN here
JOIN given ON given.language = iif(here.site = 'snasa' AND dice.n = 1, 'sma', iif(c & 1, 'nb', 'nn'))
          AND given.sex = iif(dice.n & 1, 'female', 'male') AND given.n = a >> 12
JOIN family ON family.language = given.language AND family.n = b >> 12
WHERE dice.kind = 'board_member' ORDER BY dice.n;

INSERT INTO board_case (id, board, municipality, year, number, title, raised_on, proposal)
SELECT dice.id, 'dms-nemnd', here.code, 2011, dice.n + 1,
       ('["Budsjett og økonomiplan","Årsmelding","Fordeling av sengedøgn mellom kommunene","Ny dialyseplass","Samarbeid om ambulante team","Sørsamisk språktilbud ved senteret","Legevakt i helgene","Høring om samhandlingsreformen"]'
                    ->> ((dice.n + 2 * rank) % 8)),
       date('2011-01-20', (a * 300 >> 16) || ' days'), 'Nemnda slutter seg til saksframlegget.'
FROM dice JOIN here WHERE dice.kind = 'board_case' ORDER BY dice.n;

-- Eleven members vote. The last case of those who raised several still waits.
INSERT INTO board_decision (board_case, decided_on, outcome, text, votes_for, votes_against)
SELECT board_case.id, date(raised_on, '28 days'), iif(b % 6 = 0, 'noted', 'adopted'),
       iif(b % 6 = 0, 'Saken tas til orientering.', 'Vedtatt som foreslått.'), 11 - c % 5, c % 5
FROM dice JOIN board_case ON board_case.id = dice.id JOIN amount ON amount.kind = 'board_case'
WHERE dice.kind = 'board_case' AND (dice.n = 0 OR dice.n + 1 < amount.rows) ORDER BY dice.n;

-- Counts without persons: a rate per 1000 of each age group, a little chance, and one to four withheld.
INSERT INTO health_count (municipality, indicator, half_year, age_group, persons)
WITH age (age_group, share) AS (VALUES ('0-17', 220), ('18-66', 610), ('67+', 170)),
rate (indicator, young, adult, old) AS (VALUES
    ('daily-smokers', 5, 170, 90), ('diabetes', 3, 30, 120), ('copd', 0, 12, 70), ('fall-injuries', 10, 9, 60),
    ('mental-health', 40, 120, 90), ('influenza-vaccine', 15, 80, 550)),
half (half_year, i) AS (VALUES ('2011-1', 0), ('2011-2', 1)),
counted AS (
    SELECT here.code, indicator, half_year, age_group,
           inhabitants * share * (CASE age_group WHEN '0-17' THEN young WHEN '18-66' THEN adult ELSE old END)
           * (95 + (unicode(substr(hex(sha3(salt || indicator || age_group || i, 256)), 1, 1)) + 7 * i) % 11) / 100000000 AS persons
    FROM here, age, rate, half)
SELECT code, indicator, half_year, age_group, iif(persons BETWEEN 1 AND 4, NULL, persons) FROM counted;

COMMIT;
