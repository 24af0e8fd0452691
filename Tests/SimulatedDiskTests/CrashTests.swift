import SQLite
import SimulatedDisk
import SimulationKit
import Testing

/// A table of numbers on a simulated disk, written one transaction at a time.
private struct Ledger {
    let disk: SimulatedDisk
    let settings: String

    func open() throws -> Connection {
        let connection = try Connection(path: disk.path("ledger.db"), mode: .create, busyTimeoutMs: 100)
        try connection.execute(settings)
        return connection
    }

    func begin() throws {
        let connection = try open()
        try connection.execute("CREATE TABLE entry(n INTEGER PRIMARY KEY, filler BLOB)")
    }

    /// Writes entries from `first` on until something fails.
    /// - Returns: the last one whose COMMIT was answered.
    func write(from first: Int, count: Int, checkpointsAt: Int = 0) -> Int {
        guard let connection = try? open() else { return first - 1 }
        for n in first..<first + count {
            do {
                try connection.execute("INSERT INTO entry VALUES(\(n), randomblob(\(n % 7 * 1500)))")
                if checkpointsAt > 0 && n % checkpointsAt == 0 {
                    try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                }
            } catch {
                return n - (holds(n, connection) ? 0 : 1)
            }
        }
        return first + count - 1
    }

    /// A checkpoint that fails comes behind a commit that did not.
    private func holds(_ n: Int, _ connection: Connection) -> Bool {
        (try? connection.firstInteger("SELECT count(*) FROM entry WHERE n = \(n)")) == 1
    }

    /// The number of entries, which are 1, 2, 3 …; throws when the file is damaged.
    func count() throws -> Int {
        let connection = try open()
        #expect(try connection.firstString("PRAGMA integrity_check") == "ok")
        let count = Int(try connection.firstInteger("SELECT count(*) FROM entry") ?? -1)
        #expect(Int(try connection.firstInteger("SELECT coalesce(max(n), 0) FROM entry") ?? -1) == count)
        return count
    }
}

private let wal = "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 20; PRAGMA cache_size = 8;"

@Suite("A simulated disk and the loss of power")
struct CrashTests {
    // EXTRA: with a rollback journal FULL does not wait until the journal's name is gone for good.
    // https://www.sqlite.org/pragma.html#pragma_synchronous
    @Test(
        "what was committed is there after a crash anywhere, and at most the transaction under way beside it",
        arguments: [wal + "PRAGMA synchronous = FULL", "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA"],
        [true, false])
    func committed(settings: String, safeOverwrite: Bool) throws {
        for seed in SeedOfRun.seeds(from: 1, count: 150) {
            var random = SeededRandom(seed: seed)
            let ledger = Ledger(
                disk: SimulatedDisk(seed: seed, safeOverwrite: safeOverwrite), settings: settings)
            try ledger.begin()
            var known = 0
            for _ in 0..<4 {
                ledger.disk.crash(after: random.int(1...40))
                known = ledger.write(from: known + 1, count: 30, checkpointsAt: random.pick([0, 3]))
                ledger.disk.cutPower()
                ledger.disk.restorePower()
                let count = try ledger.count()
                try #require(count == known || count == known + 1, "seed \(seed): \(count) of \(known)")
                known = count
            }
        }
    }

    @Test("a commit that waits for no sync may be lost, and only from the end")
    func unsynced() throws {
        var lost = 0
        let seeds = SeedOfRun.seeds(from: 1, count: 100)
        for seed in seeds {
            let ledger = Ledger(disk: SimulatedDisk(seed: seed), settings: wal + "PRAGMA synchronous = NORMAL")
            try ledger.begin()
            ledger.disk.crash(after: Int(seed % 60) + 5)
            let known = ledger.write(from: 1, count: 40)
            ledger.disk.cutPower()
            ledger.disk.restorePower()
            let count = try ledger.count()
            #expect(count <= known + 1)
            lost += max(0, known - count)
        }
        #expect(lost > seeds.count)
    }

    @Test("a disk that only says it has synced loses what was committed")
    func lying() throws {
        var noticed = 0
        for seed in 1...40 {
            let ledger = Ledger(disk: SimulatedDisk(seed: UInt64(seed)), settings: wal + "PRAGMA synchronous = FULL")
            try ledger.begin()
            ledger.disk.setLying(true)
            let known = ledger.write(from: 1, count: 12)
            ledger.disk.cutPower()
            ledger.disk.restorePower()
            // A file that cannot be opened, or has no such table any more, is noticed too.
            let count = (try? ledger.open()).flatMap { try? $0.firstInteger("SELECT count(*) FROM entry") }
            if count != Int64(known) { noticed += 1 }
        }
        #expect(noticed > 20)
    }

    @Test("without survival only what was synced is there; with all of it, everything")
    func survival() throws {
        for survival in [SimulatedDisk.Survival.nothing, .everything] {
            let ledger = Ledger(disk: SimulatedDisk(seed: 1), settings: wal + "PRAGMA synchronous = NORMAL")
            try ledger.begin()
            let connection = try ledger.open()
            try connection.execute("PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO entry VALUES(1, NULL)")
            #expect(ledger.disk.file("ledger.db-wal")?.count == 32 + 4120)
            ledger.disk.cutPower()
            #expect(throws: SQLiteError.self) { try connection.execute("INSERT INTO entry VALUES(2, NULL)") }
            ledger.disk.restorePower(survival)
            #expect(try ledger.count() == (survival == .everything ? 1 : 0))
            // The old connection is of a process that is no more.
            #expect(throws: SQLiteError.self) { try connection.execute("INSERT INTO entry VALUES(3, NULL)") }
        }
    }

    @Test("a crash replays exactly from its seed")
    func replay() throws {
        func run() throws -> [UInt8]? {
            let ledger = Ledger(disk: SimulatedDisk(seed: 5), settings: "PRAGMA journal_mode = DELETE")
            try ledger.begin()
            let connection = try ledger.open()
            ledger.disk.crash(after: 9)
            for n in 1...20 { try? connection.execute("INSERT INTO entry VALUES(\(n), zeroblob(3000))") }
            ledger.disk.restorePower()
            return ledger.disk.file("ledger.db")
        }
        #expect(try run() == run())
    }
}
