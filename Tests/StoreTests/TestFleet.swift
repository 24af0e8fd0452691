import Foundation
import HubService
import NodeService
import Replication
import SQLite
import SimulationKit
import TableModel

@testable import HubDatabase
@testable import HubFromNodes
@testable import NodeDatabase

/// A hub and its nodes on temporary files, driven by hand: programs write through plain connections.
final class TestFleet {
    let folder: String
    private(set) var hub: HubStore
    private(set) var nodes: [String: NodeStore] = [:]
    private(set) var programs: [String: Connection] = [:]
    var nowMs: UInt64 = 1_700_000_000_000

    init(_ schema: String) throws {
        // In memory where it can be: thousands of commits, whose place is not what is tested.
        let memory = FileManager.default.isWritableFile(atPath: "/dev/shm/")
        folder =
            (memory ? "/dev/shm/" : NSTemporaryDirectory()) + "samband-store-\(UInt64.random(in: 0...UInt64.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try HubCreation.create(
            path: folder + "/hub.db", fleet: "test", migrations: [(name: "001.sql", sql: schema)],
            nowMs: nowMs)
        hub = try HubStore(path: folder + "/hub.db")
    }

    deinit {
        for program in programs.values { program.close() }
        // Left-overs of a test are only rubbish in the temporary folder.
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Adds a site and joins it.
    ///
    /// - Parameter admitted: its replica number, when it has one already.
    func join(_ site: String, as admitted: UInt32? = nil) throws {
        let replica = try admitted ?? hub.admit(site: site, nowMs: nowMs)
        let path = "\(folder)/\(site).db"
        try hub.makeSnapshot(for: replica, to: path, nowMs: nowMs)
        nodes[site] = try NodeStore(path: path)
        let program = try Connection(path: path, mode: .readWrite, busyTimeoutMs: 5000)
        try program.execute("PRAGMA foreign_keys = ON")
        programs[site] = program
    }

    /// A program at the site writes.
    func write(_ site: String, _ sql: String) throws { try programs[site]!.execute(sql) }

    @discardableResult
    func seal(_ site: String) throws -> Dot? {
        nowMs += 10
        return try nodes[site]!.seal(nowMs: nowMs)
    }

    func push(_ site: String) throws {
        try seal(site)
        nowMs += 1
        try send(nodes[site]!, to: hub)
    }

    /// Pushes what a hub lacks of a node's change sets, `count` of them at the most.
    func send(_ node: NodeStore, to hub: HubStore, first count: Int = .max) throws {
        let offers = try node.offers(after: hub.vector()[node.replica], maxBytes: 1 << 20)
        var stream = PushStream(Array(offers.prefix(count)))
        var intake = PushIntake(replica: node.replica)
        while let piece = try stream.next(from: node) { try intake.take(piece, hub, nowMs: nowMs) }
        try intake.finish(hub, nowMs: nowMs)
    }

    func pull(_ site: String) throws { try pull(nodes[site]!, from: hub) }

    func pull(_ node: NodeStore, from hub: HubStore, after position: UInt64? = nil) throws {
        var stream = try PullStream(to: node.replica, after: position ?? node.position())
        var intake = PullIntake(left: [], localMs: nowMs)
        while let piece = try stream.next(from: hub, nowMs: nowMs) {
            _ = try intake.take(piece, node, localMs: nowMs, nowMs: nowMs)
        }
        _ = try intake.takeWhole(node, nowMs: nowMs)
    }

    /// The hub transactions behind a position, as a replica is sent them.
    func order(for replica: UInt32, after position: UInt64, from other: HubStore? = nil) throws -> [HubTransaction] {
        var stream = PullStream(to: replica, after: position)
        var bytes: [UInt8] = []
        while let piece = try stream.next(from: other ?? hub, nowMs: nowMs) { bytes += piece }
        return Wire.transactions(Wire.read(bytes).parcels).map { transaction in
            transaction.map {
                DeliveredChangeSet(header: $0.header, delivery: $0.delivery, segments: $0.segments)
            }
        }
    }

    /// Everybody pushes all and pulls all.
    func meet() throws {
        for site in nodes.keys.sorted() { try push(site) }
        for site in nodes.keys.sorted() { try pull(site) }
    }

    /// The rows of a query as text, at a site or at the hub.
    func rows(_ place: String, _ sql: String) throws -> [String] {
        let path = "\(folder)/\(place).db"
        let reader = try Connection(path: path, mode: .readOnly, busyTimeoutMs: 1000)
        defer { reader.close() }
        let statement = try reader.prepare(sql)
        var found: [String] = []
        while try statement.step() {
            found.append(
                (0..<statement.columnCount).map {
                    statement.type($0) == .null ? "NULL" : statement.string($0)
                }
                .joined(separator: "|"))
        }
        return found
    }
}

extension TestFleet {
    /// Copies the hub's file as it is now.
    func backUpHub(as name: String = "backup") throws {
        let path = "\(folder)/\(name).db"
        try? FileManager.default.removeItem(atPath: path)
        let source = try Connection(path: folder + "/hub.db", mode: .readOnly, busyTimeoutMs: 1000)
        defer { source.close() }
        try source.execute("VACUUM INTO '\(path)'")
    }

    /// The hub is lost, and a backup of it stands in its place.
    func restoreHub(from name: String = "backup") throws {
        hub.connection.close()
        for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: folder + "/hub.db" + end) }
        try FileManager.default.copyItem(atPath: "\(folder)/\(name).db", toPath: folder + "/hub.db")
        hub = try HubStore(path: folder + "/hub.db", restored: .fromBackup, nowMs: nowMs)
    }

    /// A site greets a hub that may have been restored, and does what it is told.
    /// - Returns: what it is told in the end; nil when it follows the hub.
    @discardableResult
    func greet(_ site: String) throws -> RecoveryStep? {
        let node = nodes[site]!
        if try !hub.knows(node.replica) {
            try hub.adopt(node.splitSteps(), ofSite: site, nowMs: nowMs)
            // An operator confirms a site that joined since.
            if try !hub.knows(node.replica) {
                try hub.confirmSite(
                    site, replica: node.replica, secretDigest: SHA256.digest(Array(site.utf8)), nowMs: nowMs)
            }
        }
        for _ in 0..<6 {
            let step = try self.step(of: node)
            switch step {
            case nil, .wait: return step
            case .rejoin(_, let testify):
                guard testify, try node.testify(to: hub.replica, nowMs: nowMs) else { return step }
            case .handIn(let after): try handIn(site, after: after)
            case .follow(let from, _):
                node.leftOut = Set(try hub.leftOut())
                do {
                    try pull(node, from: hub, after: min(from, node.position()))
                } catch let error as StoreError {
                    if error.kind == .diverged { try handIn(site, after: from) }
                    throw error
                }
            }
        }
        return try step(of: node)
    }

    private func step(of node: NodeStore) throws -> RecoveryStep? {
        try hub.recoveryStep(
            of: node.replica, epochs: node.epochs(), sealed: node.sealedSeq(), place: node.place())
    }

    /// The hub and all its backups are lost; another is built from the files of these sites.
    @discardableResult
    func buildHub(from sites: [String]) throws -> HubFromNodes.Result {
        hub.connection.close()
        for end in ["", "-wal", "-shm", "-samband.seat"] {
            try? FileManager.default.removeItem(atPath: folder + "/hub.db" + end)
        }
        let result = try HubFromNodes.build(
            from: sites.map { "\(folder)/\($0).db" }, to: folder + "/hub.db", nowMs: nowMs)
        hub = try HubStore(path: folder + "/hub.db", seat: HubHighWaterMark(database: folder + "/hub.db"), nowMs: nowMs)
        return result
    }

    /// A site that has handed in all begins anew with a snapshot.
    func joinAnew(_ site: String) throws {
        programs[site]!.close()
        nodes[site]!.connection.close()
        for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: "\(folder)/\(site).db" + end) }
        try join(site)
    }

    func handIn(_ site: String, after: UInt64) throws {
        let node = nodes[site]!
        let epochs = try node.epochs()
        var handing = try HandingIn(offers: node.offers(after: after), sealed: node.sealedSeq())
        while let step = handing.next() {
            switch step {
            case .offer(let offers): handing.wants(try hub.wanted(offers, from: node.replica, epochs: epochs))
            case .send(let dots):
                var stream = HandedStream(dots)
                var intake = HandedIntake(from: node.replica, epochs: epochs)
                while let piece = try stream.next(from: node) { try intake.take(piece, hub) }
                try intake.finish(hub)
            case .done(let sealed):
                try hub.noteHeard(
                    node.replica, epochs: epochs, sealed: sealed, place: node.place(), nowMs: nowMs)
            }
        }
    }

    /// A connection as any program opens one.
    func program(at place: String) throws -> Connection {
        try Connection(path: "\(folder)/\(place).db", mode: .readWrite, busyTimeoutMs: 1000)
    }
}
