import Foundation
import HTTP
import HubDatabase
import HubService
import JSONText
import NodeService
import Replication
import SQLite
import Synchronization
import TestKit

/// A hub and sites in one process, whose messages are kept as they went over the line.
final class TappedFleet: Sendable {
    static let schema = """
        CREATE TABLE ward(id TEXT PRIMARY KEY NOT NULL, name TEXT, beds INTEGER CHECK (beds >= 0));
        CREATE TABLE patient(id BLOB PRIMARY KEY NOT NULL, name TEXT NOT NULL, born REAL, note);
        CREATE TABLE stay(
          ward TEXT NOT NULL REFERENCES ward(id), number INTEGER NOT NULL, patient BLOB REFERENCES patient(id), bed INTEGER,
          PRIMARY KEY (ward, number), UNIQUE (ward, bed)) WITHOUT ROWID;
        CREATE TABLE stock(id TEXT PRIMARY KEY NOT NULL COLLATE NOCASE, pieces INTEGER NOT NULL, place TEXT) STRICT;
        INSERT INTO samband_table(name) VALUES('ward'), ('patient'), ('stay'), ('stock');
        INSERT INTO samband_policy(table_name, column_name, policy) VALUES('stock', 'pieces', 'sum'), ('ward', 'name', 'newest');
        INSERT INTO ward VALUES('w-1', 'medical', 8), ('w-2', 'palliative', 4), ('w-3', 'empty', 0);
        INSERT INTO patient VALUES(x'01', 'Ola', 1941.5, NULL), (x'02', 'Kari', 1938.0, 'ring'), (x'03', 'Per', NULL, 3);
        INSERT INTO stay VALUES('w-1', 1, x'01', 1), ('w-1', 2, x'02', 2);
        INSERT INTO stock VALUES('gloves', 100, 'a'), ('masks', 50, 'b');
        """

    let folder: TemporaryFolder
    let hub: HubService

    init() throws {
        folder = try TemporaryFolder(inMemory: true)
        try HubCreation.create(
            path: folder.file("hub.db"), fleet: "test", migrations: [(name: "1.sql", sql: Self.schema)],
            nowMs: Self.now())
        hub = try HubService(path: folder.file("hub.db"), limitsSites: false, now: Self.now)
    }

    /// The clock stands still: a history ends in the same bytes whenever it is run.
    @Sendable static func now() -> UInt64 { 1_700_000_000_000 }

    func join(_ site: String, over line: Tap) async throws -> NodeService {
        let response = await hub.operatorHandler.respond(
            to: Request(.post, path: ["v1", "site"], body: Body(text: #"{"name":"\#(site)"}"#)))
        let token = try JSON(parsing: try await response.body.collect(limit: 1 << 16))["token"]?.string ?? ""
        _ = try await Joining.join(
            path: folder.file("\(site).db"), hub: "http://hub", token: token, transport: line)
        return try node(folder.file("\(site).db"), secretOf: site, line)
    }

    func node(_ path: String, secretOf site: String, _ line: any Transport) throws -> NodeService {
        let file = Joining.secretPath(of: folder.file("\(site).db"))
        let secret = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        return try NodeService(path: path, push: line, pull: line, secret: secret, now: Self.now)
    }

    /// A program at the site writes.
    func write(_ site: String, _ sql: String) throws {
        let program = try Connection(path: folder.file("\(site).db"), mode: .readWrite, busyTimeoutMs: 120_000)
        defer { program.close() }
        try program.execute("PRAGMA foreign_keys = ON")
        try program.execute(sql)
    }

    /// A copy of a database that nobody writes at this moment, under another name in the folder.
    func copy(_ name: String, as copy: String) throws -> String {
        let path = folder.file(copy)
        for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + end) }  // none yet
        let source = try Connection(path: folder.file(name), mode: .readWrite, busyTimeoutMs: 120_000)
        defer { source.close() }
        try source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        try FileManager.default.copyItem(atPath: folder.file(name), toPath: path)
        // With its seat a hub's file is no restored one; a node has none.
        try? FileManager.default.removeItem(atPath: HubHighWaterMark.path(of: path))
        try? FileManager.default.copyItem(
            atPath: HubHighWaterMark.path(of: folder.file(name)), toPath: HubHighWaterMark.path(of: path))
        return path
    }
}

/// The line: carries everything to a handler, or is down, and keeps what went over it.
final class Tap: Transport {
    struct Exchange: Sendable {
        let path: String
        let request: [UInt8]
        let requestHeaders: Headers
        let status: Status
        let answer: [UInt8]
        let answerHeaders: Headers
    }

    struct Down: Error {}

    private let handler: any Handler
    /// Makes another body of each push.
    private let rewrite: (@Sendable ([UInt8]) -> [UInt8])?
    private let state = Mutex<(isDown: Bool, kept: [Exchange])>((false, []))

    init(_ handler: any Handler, rewrite: (@Sendable ([UInt8]) -> [UInt8])? = nil) {
        self.handler = handler
        self.rewrite = rewrite
    }

    func setDown(_ isDown: Bool) { state.withLock { $0.isDown = isDown } }

    /// The newest exchange on a path.
    func last(_ path: String) -> Exchange? { state.withLock { $0.kept.last { $0.path == path } } }

    func send(_ request: Request) async throws -> Response {
        if state.withLock({ $0.isDown }) { throw Down() }
        var body = try await request.body.collect(limit: 1 << 24)
        if let rewrite, request.target.path == ["v1", "push"] { body = rewrite(body) }
        var passed = request
        passed.body = Body(bytes: body)
        let response = await handler.respond(to: passed)
        let answer = try await response.body.collect(limit: 1 << 24)
        state.withLock {
            $0.kept.append(
                Exchange(
                    path: "\(request.target)", request: body, requestHeaders: request.headers, status: response.status,
                    answer: answer, answerHeaders: response.headers))
        }
        return Response(response.status, headers: response.headers, body: Body(bytes: answer))
    }
}

/// What a database holds, for comparison; without what says only when somebody was last heard.
func content(_ path: String) throws -> [String] {
    let reader = try Connection(path: path, mode: .readOnly, busyTimeoutMs: 120_000)
    defer { reader.close() }
    var tables: [String] = []
    let names = try reader.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'")
    while try names.step() { tables.append(names.string(0)) }
    var rows: [String] = []
    for table in tables.sorted() where table != "samband_staged" {
        let columns = try reader.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")
        try columns.bind(at: 1, text: table)
        var list: [String] = []
        while try columns.step() {
            let name = columns.string(0)
            if !["last_contact", "sent", "acknowledged", "acknowledged_sealed"].contains(name) {
                list.append("quote(\(quote(identifier: name)))")
            }
        }
        var sql = "SELECT \(list.joined(separator: " || ',' || ")) FROM \(quote(identifier: table))"
        if table == "samband_meta" { sql += " WHERE name NOT GLOB 'l*' AND name NOT IN ('acknowledged')" }
        let found = try reader.prepare(sql)
        var lines: [String] = []
        while try found.step() { lines.append("\(table): \(found.string(0))") }
        rows += lines.sorted()
    }
    return rows
}

/// Whether SQLite finds a database sound, and every reference leads somewhere.
func isSound(_ path: String) throws -> Bool {
    let reader = try Connection(path: path, mode: .readWrite, busyTimeoutMs: 120_000)
    defer { reader.close() }
    return try reader.firstString("PRAGMA integrity_check(1)") == "ok"
        && reader.firstInteger("SELECT count(*) FROM pragma_foreign_key_check") == 0
}
