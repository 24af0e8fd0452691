-- The board's figures, half-year by half-year and municipality by municipality. A half-year (halvår) is
-- written '2011-1' or '2011-2'. Where scopes are granted, a site sees its own municipality's figures and
-- the host sees all. `bed_night_free` needs no scope: anyone may see how many beds a night has left.

-- Each night on which at least one bed is taken: how many are, and how many are left.
CREATE VIEW bed_night_free (night, taken, free) AS
SELECT night, count(*), (SELECT count(*) FROM bed) - count(*)
FROM bed_night GROUP BY night;

CREATE VIEW half_year_occupancy (half_year, nights_taken, nights_closed, beds_taken_on_average) AS
SELECT substr(night, 1, 4) || iif(substr(night, 6, 2) <= '06', '-1', '-2') AS half_year,
       sum(kind = 'stay'), sum(kind = 'closed'),
       round(1.0 * sum(kind = 'stay') / count(DISTINCT night), 1)
FROM bed_night GROUP BY half_year;

CREATE VIEW half_year_referral (half_year, municipality, direction, referrals, urgent, accepted, declined) AS
SELECT substr(sent_on, 1, 4) || iif(substr(sent_on, 6, 2) <= '06', '-1', '-2') AS half_year,
       municipality, direction, count(*), sum(urgency = 'urgent'),
       sum(status IN ('accepted', 'completed')), sum(status = 'declined')
FROM referral WHERE sent_on IS NOT NULL GROUP BY half_year, municipality, direction;

-- A stay counts in the half-year of its admission, a bed night in that of the night.
CREATE VIEW half_year_stay (half_year, municipality, purpose, stays) AS
SELECT substr(admission, 1, 4) || iif(substr(admission, 6, 2) <= '06', '-1', '-2') AS half_year,
       municipality, purpose, count(*)
FROM stay GROUP BY half_year, municipality, purpose;

CREATE VIEW half_year_bed_night (half_year, municipality, purpose, bed_nights) AS
SELECT substr(night, 1, 4) || iif(substr(night, 6, 2) <= '06', '-1', '-2') AS half_year,
       stay_night.municipality, purpose, count(*)
FROM stay_night JOIN bed_night ON bed_night.id = stay_night.bed_night JOIN stay ON stay.id = stay_night.stay
GROUP BY half_year, stay_night.municipality, purpose;

CREATE VIEW half_year_dialysis (half_year, municipality, patients, sessions, broken_off, missed) AS
SELECT substr(day, 1, 4) || iif(substr(day, 6, 2) <= '06', '-1', '-2') AS half_year,
       municipality, count(DISTINCT patient), count(*), sum(state = 'broken_off'), sum(state = 'missed')
FROM dialysis_session JOIN dialysis_slot ON dialysis_slot.id = dialysis_session.slot
GROUP BY half_year, municipality;

CREATE VIEW half_year_appointment (half_year, municipality, clinic, appointments, attended, missed) AS
SELECT substr(starts_at, 1, 4) || iif(substr(starts_at, 6, 2) <= '06', '-1', '-2') AS half_year,
       municipality, clinic, count(*), sum(state = 'attended'), sum(state = 'missed')
FROM appointment GROUP BY half_year, municipality, clinic;

CREATE VIEW half_year_plan (half_year, municipality, plans_opened, measures, measures_done) AS
SELECT substr(opened_on, 1, 4) || iif(substr(opened_on, 6, 2) <= '06', '-1', '-2') AS half_year,
       individual_plan.municipality, count(DISTINCT individual_plan.id), count(measure.id),
       coalesce(sum(measure.state = 'done'), 0)
FROM individual_plan LEFT JOIN measure ON measure.plan = individual_plan.id
GROUP BY half_year, individual_plan.municipality;

CREATE VIEW half_year_team_visit (half_year, municipality, team, visits, hours, travel_km) AS
SELECT substr(visited_at, 1, 4) || iif(substr(visited_at, 6, 2) <= '06', '-1', '-2') AS half_year,
       municipality, team, count(*), round(sum(minutes) / 60.0, 1), sum(travel_km)
FROM team_visit GROUP BY half_year, municipality, team;

CREATE VIEW half_year_course (half_year, municipality, programme, kind, courses, staff, patients, kin) AS
SELECT substr(starts_on, 1, 4) || iif(substr(starts_on, 6, 2) <= '06', '-1', '-2') AS half_year,
       municipality, programme, kind, count(*),
       sum((SELECT count(*) FROM course_staff WHERE course_staff.course = course.id)),
       sum((SELECT count(*) FROM course_patient WHERE course_patient.course = course.id)),
       sum((SELECT coalesce(sum(with_kin), 0) FROM course_patient WHERE course_patient.course = course.id))
FROM course JOIN course_kind ON course_kind.id = course.kind
GROUP BY half_year, municipality, programme, kind;

CREATE VIEW half_year_deviation (half_year, municipality, category, deviations, serious, closed) AS
SELECT substr(reported_on, 1, 4) || iif(substr(reported_on, 6, 2) <= '06', '-1', '-2') AS half_year,
       municipality, category, count(*), sum(severity >= 3), sum(state = 'closed')
FROM deviation GROUP BY half_year, municipality, category;

CREATE VIEW half_year_settlement (half_year, municipality, state, stays, nights, amount_nok) AS
SELECT substr(settled_on, 1, 4) || iif(substr(settled_on, 6, 2) <= '06', '-1', '-2') AS half_year,
       municipality, state, count(*), sum(nights), sum(amount_ore) / 100.0
FROM settlement GROUP BY half_year, municipality, state;

CREATE VIEW half_year_board (half_year, municipality, cases, decided, adopted) AS
SELECT substr(raised_on, 1, 4) || iif(substr(raised_on, 6, 2) <= '06', '-1', '-2') AS half_year,
       municipality, count(*), count(outcome), coalesce(sum(outcome = 'adopted'), 0)
FROM board_case LEFT JOIN board_decision ON board_decision.board_case = board_case.id
GROUP BY half_year, municipality;

-- Per 1000 inhabitants; NULL where a count is withheld because it is too small.
CREATE VIEW half_year_health (half_year, municipality, indicator, persons, per_1000) AS
SELECT half_year, health_count.municipality, indicator,
       iif(count(*) = count(persons), sum(persons), NULL),
       iif(count(*) = count(persons), round(1000.0 * sum(persons) / inhabitants, 1), NULL)
FROM health_count
JOIN population ON population.municipality = health_count.municipality
               AND population.year = CAST(substr(half_year, 1, 4) AS INTEGER)
GROUP BY half_year, health_count.municipality, indicator;

-- The page the board is shown: one line per half-year and municipality.
CREATE VIEW half_year_board_report (
    half_year, municipality, name, inhabitants, referrals, stays, bed_nights, bed_nights_per_1000,
    dialysis_sessions, appointments, team_visits, deviations, settled_nok) AS
WITH figure (half_year, municipality, referrals, stays, bed_nights, sessions, appointments, visits, deviations, nok) AS (
    SELECT half_year, municipality, referrals, 0, 0, 0, 0, 0, 0, 0 FROM half_year_referral
    UNION ALL SELECT half_year, municipality, 0, stays, 0, 0, 0, 0, 0, 0 FROM half_year_stay
    UNION ALL SELECT half_year, municipality, 0, 0, bed_nights, 0, 0, 0, 0, 0 FROM half_year_bed_night
    UNION ALL SELECT half_year, municipality, 0, 0, 0, sessions, 0, 0, 0, 0 FROM half_year_dialysis
    UNION ALL SELECT half_year, municipality, 0, 0, 0, 0, appointments, 0, 0, 0 FROM half_year_appointment
    UNION ALL SELECT half_year, municipality, 0, 0, 0, 0, 0, visits, 0, 0 FROM half_year_team_visit
    UNION ALL SELECT half_year, municipality, 0, 0, 0, 0, 0, 0, deviations, 0 FROM half_year_deviation
    UNION ALL SELECT half_year, municipality, 0, 0, 0, 0, 0, 0, 0, amount_nok FROM half_year_settlement)
SELECT half_year, municipality.code, municipality.name, inhabitants, sum(referrals), sum(stays), sum(bed_nights),
       round(1000.0 * sum(bed_nights) / inhabitants, 1),
       sum(sessions), sum(appointments), sum(visits), sum(deviations), sum(nok)
FROM figure
JOIN municipality ON municipality.code = figure.municipality
LEFT JOIN population ON population.municipality = figure.municipality
                    AND population.year = CAST(substr(half_year, 1, 4) AS INTEGER)
GROUP BY half_year, municipality.code;
