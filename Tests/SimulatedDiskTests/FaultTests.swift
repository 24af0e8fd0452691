import SQLite
import SimulatedDisk
import TestKit
import Testing

@Suite("A simulated disk that is full, fails, or is put back")
struct FaultTests {
    let disk = SimulatedDisk(seed: 3)

    func open(_ mode: OpenMode = .create) throws -> Connection {
        try Connection(path: disk.path("a.db"), mode: mode, busyTimeoutMs: 50)
    }

    private func begin() throws -> Connection {
        let connection = try open()
        try connection.execute("PRAGMA journal_mode = WAL; CREATE TABLE t(n INTEGER PRIMARY KEY, b BLOB)")
        return connection
    }

    private func count(_ connection: Connection) throws -> Int64? {
        try connection.firstInteger("SELECT count(*) FROM t")
    }

    @Test("a full disk refuses what does not fit, and goes on when there is room")
    func full() throws {
        let connection = try begin()
        disk.limit(room: 20_000)
        #expect { try connection.execute("INSERT INTO t VALUES(1, zeroblob(100000))") } throws: { error in
            (error as? SQLiteError)?.code == 13
        }
        try connection.execute("INSERT INTO t VALUES(2, NULL)")
        disk.limit(room: nil)
        try connection.execute("INSERT INTO t VALUES(1, zeroblob(100000))")
        #expect(try count(connection) == 2)
        #expect(try connection.firstString("PRAGMA integrity_check") == "ok")
    }

    @Test("an I/O error at any operation leaves a sound file, and the next try does it", arguments: 0..<25)
    func failing(place: Int) throws {
        let connection = try begin()
        disk.fail([.reads, .writes, .syncs], after: place, count: 1)
        do { try connection.execute("INSERT INTO t VALUES(1, zeroblob(20000))") } catch {
            #expect(try count(connection) == 0)
        }
        disk.mend()
        try connection.execute("INSERT OR IGNORE INTO t VALUES(1, zeroblob(20000))")
        #expect(try count(connection) == 1)
        #expect(try connection.firstString("PRAGMA integrity_check") == "ok")
    }

    @Test("a read-only disk is read and not written")
    func readOnly() throws {
        let connection = try begin()
        disk.setReadOnly(true)
        #expect(throws: SQLiteError.self) { try connection.execute("INSERT INTO t VALUES(1, NULL)") }
        #expect(try count(connection) == 0)
        disk.setReadOnly(false)
        try connection.execute("INSERT INTO t VALUES(1, NULL)")
        #expect(try count(connection) == 1)
    }

    @Test("connections lock one another out, and readers see one state", arguments: ["WAL", "DELETE"])
    func locks(mode: String) throws {
        let writer = try begin()
        try writer.execute("PRAGMA journal_mode = \(mode)")
        let second = try open(.readWrite)
        try writer.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES(1, NULL)")
        #expect { try second.execute("BEGIN IMMEDIATE") } throws: { ($0 as? SQLiteError)?.isBusy == true }
        #expect(try count(second) == 0)
        try writer.execute("COMMIT")
        #expect(try count(second) == 1)
        try second.execute("BEGIN; SELECT * FROM t")
        if mode == "WAL" {
            try writer.execute("INSERT INTO t VALUES(2, NULL)")
            #expect(try count(second) == 1)
        } else {
            #expect { try writer.execute("INSERT INTO t VALUES(2, NULL)") } throws: {
                ($0 as? SQLiteError)?.isBusy == true
            }
        }
        try second.execute("COMMIT")
    }

    @Test("an image put back is the file as it was, on this disk or another")
    func images() throws {
        let connection = try begin()
        try connection.execute("INSERT INTO t VALUES(1, NULL)")
        let image = disk.image()
        try connection.execute("INSERT INTO t VALUES(2, NULL)")
        let copy = SimulatedDisk(seed: 4)
        copy.put(image)
        let there = try Connection(path: copy.path("a.db"), mode: .readWrite, busyTimeoutMs: 50)
        #expect(try count(there) == 1)
        #expect(try count(connection) == 2)
        disk.put(image)
        #expect(throws: SQLiteError.self) { try connection.execute("INSERT INTO t VALUES(3, NULL)") }
        #expect(try count(open()) == 1)
    }

    @Test("a path of no disk, and every other file, is as without simulated disks")
    func otherPaths() throws {
        #expect(throws: SQLiteError.self) {
            try Connection(path: "/simulated-disk/999999999/a.db", mode: .create, busyTimeoutMs: 0)
        }
        let folder = try TemporaryFolder()
        let real = try Connection(path: folder.path + "/real.db", mode: .create, busyTimeoutMs: 0)
        try real.execute("CREATE TABLE t(n)")
        let connection = try begin()
        try connection.execute("INSERT INTO t VALUES(1, NULL); VACUUM INTO '\(folder.path)/copy.db'")
        let copy = try Connection(path: folder.path + "/copy.db", mode: .readWrite, busyTimeoutMs: 0)
        #expect(try count(copy) == 1)
    }

    @Test("a sync that failed and forgot loses a later commit, once unsynced commits stood before it")
    func forgetful() throws {
        let connection = try begin()
        disk.setForgetful(true)
        try connection.execute("PRAGMA synchronous = NORMAL; INSERT INTO t VALUES(1, NULL)")
        try connection.execute("PRAGMA synchronous = FULL")
        disk.fail(.syncs, count: 1)
        #expect(throws: SQLiteError.self) { try connection.execute("INSERT INTO t VALUES(2, NULL)") }
        disk.mend()
        try connection.execute("INSERT INTO t VALUES(3, NULL)")
        disk.cutPower()
        disk.restorePower(.nothing)
        #expect(try count(open()) == 0)
    }
}
