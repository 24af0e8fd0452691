/// The schemas of the tests' fleets.
enum Schemas {
    /// Referrals with what can be in the way of a merge: a UNIQUE place, a reference and a CHECK.
    static let referrals = """
        CREATE TABLE patient(id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL);
        CREATE TABLE referral(
          id TEXT PRIMARY KEY NOT NULL,
          patient TEXT REFERENCES patient(id),
          status TEXT NOT NULL DEFAULT 'new' CHECK(status IN ('new', 'accepted', 'declined', 'closed')),
          note TEXT, picture BLOB
        );
        CREATE TABLE bed_night(
          id TEXT PRIMARY KEY NOT NULL, bed INTEGER NOT NULL, night TEXT NOT NULL,
          referral TEXT REFERENCES referral(id), UNIQUE(bed, night)
        );
        INSERT INTO samband_table(name) VALUES('patient'), ('referral'), ('bed_night');
        """

    /// What `Scripts/traffic.py` writes.
    static let traffic = """
        CREATE TABLE own(id TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL, note TEXT);
        CREATE TABLE shared(
          id INTEGER PRIMARY KEY NOT NULL, first TEXT NOT NULL, second TEXT NOT NULL);
        CREATE TABLE booking(id TEXT PRIMARY KEY NOT NULL, place INTEGER NOT NULL UNIQUE);
        CREATE TABLE booking_note(
          id TEXT PRIMARY KEY NOT NULL, booking TEXT NOT NULL REFERENCES booking(id));
        INSERT INTO samband_table(name) VALUES('own'), ('booking'), ('booking_note');
        INSERT INTO samband_table(name, ids) VALUES('shared', 'application');
        INSERT INTO shared VALUES(1, 'f1', 's1'), (2, 'f2', 's2'), (3, 'f3', 's3'), (4, 'f4', 's4'), (5, 'f5', 's5');
        """
}
