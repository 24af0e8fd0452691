-- Dialysis: 9 places, 2 shifts, and Monday-Wednesday-Friday or Tuesday-Thursday-Saturday make 36 chairs.
-- Each municipality has its own chairs, in proportion. A patient keeps a chair for up to 50 weeks.

CREATE TEMP TABLE planned_dialysis AS
WITH RECURSIVE
    turn (j) AS (VALUES (0) UNION ALL SELECT j + 1 FROM turn WHERE j < 35),
    week (w) AS (VALUES (0) UNION ALL SELECT w + 1 FROM week WHERE w < 49),
    weekday (i) AS (VALUES (0), (1), (2)),
    course AS (SELECT j, from_chair + j AS chair, min(50, amount.rows - 50 * j) AS weeks, dice.a
               FROM turn JOIN here JOIN amount ON amount.kind = 'dialysis_week'
               JOIN dice ON dice.kind = 'dialysis_week' AND dice.n = j
               WHERE from_chair + j < to_chair AND 50 * j < amount.rows)
SELECT j, printf('D%d', chair / 4 + 1) AS place, iif(chair / 2 % 2, 'afternoon', 'morning') AS shift,
       date('2011-01-03', (7 * (a % (51 - weeks) + w) + 2 * i + chair % 2) || ' days') AS day,
       a + 977 * w + 331 * i AS luck
FROM course JOIN week ON w < weeks JOIN weekday;

INSERT INTO dialysis_slot (id, place, day, shift)
SELECT substr(sha3('dialysis_slot/' || place || '/' || day || '/' || shift, 256), 1, 16), place, day, shift
FROM planned_dialysis ORDER BY day, shift, place;

INSERT INTO dialysis_session (slot, municipality, patient, state, weight_before_grams, weight_after_grams)
SELECT substr(sha3('dialysis_slot/' || place || '/' || day || '/' || shift, 256), 1, 16), here.code, patient_number.id,
       CASE luck % 40 WHEN 0 THEN 'missed' WHEN 1 THEN 'broken_off' ELSE 'done' END,
       iif(luck % 40 = 0, NULL, 70000 + 100 * (luck % 60)), iif(luck % 40 = 0, NULL, 68000 + 100 * (luck % 55))
FROM planned_dialysis JOIN here JOIN amount ON amount.kind = 'patient'
JOIN patient_number ON patient_number.n = (amount.rows / 2 + j) % amount.rows
ORDER BY day, shift, place;
