-- Referral (henvisning) between the first and the second line, in both directions.

CREATE TABLE referral (
    id            BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
    municipality  TEXT NOT NULL REFERENCES municipality (code),
    patient       BLOB NOT NULL REFERENCES patient (id),
    direction     TEXT NOT NULL CHECK (direction IN (
                      'to_second_line',              -- henvisning fra fastlege til spesialist
                      'to_first_line')),             -- tilbakeføring fra sykehus til kommune
    sender        TEXT NOT NULL REFERENCES organisation (id),
    receiver      TEXT NOT NULL REFERENCES organisation (id),
    referred_by   BLOB REFERENCES staff (id),        -- henviser, when a person of the first line
    urgency       TEXT NOT NULL DEFAULT 'routine' CHECK (urgency IN ('routine', 'soon', 'urgent')),  -- hastegrad
    reason        TEXT NOT NULL,                     -- henvisningsårsak
    status        TEXT NOT NULL DEFAULT 'sent' CHECK (status IN
                      ('draft', 'sent', 'received', 'accepted', 'declined', 'completed', 'withdrawn')),
    sent_on       TEXT CHECK (sent_on IS date(sent_on, '+0 days')),
    answered_on   TEXT CHECK (answered_on IS date(answered_on, '+0 days')),  -- vurdert
    note          TEXT,
    CHECK (sender <> receiver),
    CHECK (status = 'draft' OR sent_on IS NOT NULL),
    CHECK (answered_on >= sent_on)
) STRICT;
CREATE INDEX referral_municipality ON referral (municipality);
CREATE INDEX referral_patient ON referral (patient);
CREATE INDEX referral_sender ON referral (sender);
CREATE INDEX referral_receiver ON referral (receiver);
CREATE INDEX referral_referred_by ON referral (referred_by);

INSERT INTO samband_table (name, scope_column) VALUES ('referral', 'municipality');
-- Whether a referral is accepted and how urgent it is, a person decides when two sites disagree.
INSERT INTO samband_policy (table_name, column_name, policy) VALUES
    ('referral', 'status', 'manual'), ('referral', 'urgency', 'manual'), ('referral', 'note', 'newest');
