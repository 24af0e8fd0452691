-- Referrals: two of three go up to a hospital or the centre, the others come back. Number 0 of Snåsa and
-- of Verran has a known id and awaits an answer, for every seed: two sites may edit it at once.

INSERT INTO referral (id, municipality, patient, direction, sender, receiver, referred_by, urgency, reason,
                      status, sent_on, answered_on, note)
WITH known (code, id) AS (VALUES ('1736', CAST('snasa-referral-1' AS BLOB)), ('1724', CAST('verran-referral1' AS BLOB))),
sent AS (
    SELECT dice.n, coalesce(known.id, dice.id) AS id, known.id IS NOT NULL AS fixed, dice.*,
           iif(known.id IS NOT NULL OR dice.a % 3 < 2, 'to_second_line', 'to_first_line') AS direction,
           ('["sykehuset-levanger","sykehuset-levanger","dms-inn-trondelag","sykehuset-namsos","private-rehabilitation"]'
                        ->> (dice.b % 5)) AS other,
           date('2011-01-03', (dice.c * 340 >> 16) || ' days') AS sent_on
    FROM dice JOIN here LEFT JOIN known ON known.code = here.code AND dice.n = 0
    WHERE dice.kind = 'referral')
SELECT sent.id, here.code, patient_number.id, direction,
       iif(direction = 'to_second_line', here.organisation, other),
       iif(direction = 'to_second_line', other, here.organisation),
       iif(direction = 'to_second_line', patient.general_practitioner, NULL),
       CASE WHEN fixed OR d % 10 < 7 THEN 'routine' WHEN d % 10 < 9 THEN 'soon' ELSE 'urgent' END,
       iif(fixed, 'Rehabilitering etter hjerneslag', reason.name),
       CASE WHEN fixed THEN 'sent' WHEN e % 8 = 0 THEN 'declined' WHEN e % 8 = 1 THEN 'received'
            WHEN e % 8 < 5 THEN 'completed' ELSE 'accepted' END,
       sent_on,
       iif(fixed OR e % 8 = 1, NULL, date(sent_on, (f % 12) || ' days')),
       iif(g % 7 = 0, 'Pårørende er orientert', NULL)
FROM sent JOIN here JOIN amount ON amount.kind = 'patient'
JOIN patient_number ON patient_number.n = iif(fixed, 0, sent.h % amount.rows)
JOIN patient ON patient.id = patient_number.id
JOIN reason ON reason.n = sent.g >> 12
ORDER BY sent.n;
