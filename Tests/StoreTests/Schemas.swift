/// Tables that several tests use.
enum Schemas {
    /// Referrals, and beds of which two sites may want the same.
    static let referrals = """
        CREATE TABLE referral(id TEXT PRIMARY KEY NOT NULL, status TEXT, note TEXT) STRICT;
        CREATE TABLE bed_night(id TEXT PRIMARY KEY NOT NULL, bed TEXT NOT NULL, night TEXT NOT NULL, UNIQUE(bed, night));
        CREATE TABLE stay(id TEXT PRIMARY KEY NOT NULL, night TEXT NOT NULL REFERENCES bed_night(id));
        INSERT INTO samband_table(name) VALUES('referral'), ('bed_night'), ('stay');
        INSERT INTO samband_policy(table_name, column_name, policy) VALUES('referral', 'note', 'newest');
        INSERT INTO referral VALUES('r-1', 'new', 'first');
        """

    /// Wards, with stays that go with them and remarks that stay behind.
    static let wards = """
        CREATE TABLE ward(id TEXT PRIMARY KEY NOT NULL, name TEXT);
        CREATE TABLE stay(id TEXT PRIMARY KEY NOT NULL, ward TEXT REFERENCES ward(id) ON DELETE CASCADE,
          first INTEGER, last INTEGER, note TEXT, CHECK (first <= last));
        CREATE TABLE remark(id TEXT PRIMARY KEY NOT NULL, ward TEXT REFERENCES ward(id) ON DELETE SET NULL);
        CREATE INDEX stay_ward ON stay(ward); CREATE INDEX remark_ward ON remark(ward);
        INSERT INTO samband_table(name) VALUES('ward'), ('stay'), ('remark');
        INSERT INTO ward VALUES('w1', 'A'), ('w2', 'B');
        INSERT INTO stay VALUES('s1', 'w1', 3, 5, NULL);
        INSERT INTO remark VALUES('m1', 'w1');
        """

    /// Teams and persons who refer to each other, with all kinds of constraints.
    static let teams = """
        CREATE TABLE team(id TEXT PRIMARY KEY NOT NULL, name TEXT UNIQUE, note TEXT, size INTEGER, CHECK(size < 100));
        CREATE TABLE person(id TEXT PRIMARY KEY NOT NULL COLLATE NOCASE, code TEXT UNIQUE, note TEXT,
          team TEXT REFERENCES team(id) ON DELETE CASCADE, lead TEXT REFERENCES person(id) ON DELETE SET NULL,
          a INTEGER DEFAULT 0, b INTEGER DEFAULT 0, CHECK(a + b < 12));
        CREATE INDEX person_team ON person(team); CREATE INDEX person_lead ON person(lead);
        CREATE TABLE shift(id TEXT PRIMARY KEY NOT NULL, person TEXT NOT NULL REFERENCES person(id) ON DELETE CASCADE,
          team TEXT REFERENCES team(name), note TEXT);
        CREATE INDEX shift_person ON shift(person); CREATE INDEX shift_team ON shift(team);
        INSERT INTO samband_table(name) VALUES('team'), ('person'), ('shift');
        INSERT INTO team VALUES('t1', 'North', NULL, 1), ('t2', 'South', NULL, 2);
        INSERT INTO person(id, code, team) VALUES('p1', 'A', 't1'), ('p2', 'B', 't1'), ('p3', 'C', 't1'), ('p4', 'D', 't2');
        INSERT INTO shift VALUES('s1', 'p1', NULL, NULL), ('s2', 'p2', NULL, NULL);
        """

    /// Persons with a number of their own, their referrals and the letters of those.
    static let persons = """
        CREATE TABLE person(id TEXT PRIMARY KEY NOT NULL, number TEXT UNIQUE, name TEXT);
        CREATE TABLE referral(id TEXT PRIMARY KEY NOT NULL, person TEXT NOT NULL REFERENCES person(id), note TEXT);
        CREATE TABLE letter(id TEXT PRIMARY KEY NOT NULL,
          referral TEXT NOT NULL REFERENCES referral(id) ON DELETE CASCADE, body TEXT);
        CREATE INDEX referral_person ON referral(person);
        CREATE INDEX letter_referral ON letter(referral);
        INSERT INTO samband_table(name) VALUES('person'), ('referral'), ('letter');
        """
}

extension TestFleet {
    /// Two sites register one person, one of them with a referral and a letter; that one comes second.
    static func withPersonTwice() throws -> TestFleet {
        let fleet = try TestFleet(Schemas.persons)
        for site in ["snasa", "verran"] { try fleet.join(site) }
        try fleet.write("snasa", "INSERT INTO person VALUES('p1', '010190', 'Kari')")
        try fleet.write(
            "verran",
            """
            INSERT INTO person VALUES('p2', '010190', 'Kari N');
            INSERT INTO referral VALUES('r1', 'p2', 'urgent');
            INSERT INTO letter VALUES('l1', 'r1', 'text');
            """)
        try fleet.push("snasa")
        try fleet.push("verran")
        for site in ["snasa", "verran"] { try fleet.pull(site) }
        return fleet
    }
}
