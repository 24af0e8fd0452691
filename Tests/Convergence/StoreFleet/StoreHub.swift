import HubService
import Replication
import SQLite
import SimulationKit

@testable import ConflictStore
@testable import HubDatabase
@testable import RecordViews
@testable import TableModel

/// The real hub, behind the intake and the stream that ship.
final class StoreHub: HubEnd {
    let maker: StoreMaker
    let store: HubStore
    let reader: Connection

    /// - Parameter seat: what says beside the file how far the hub had come.
    init(_ maker: StoreMaker, path: String, seat: HubHighWaterMark? = nil) throws {
        self.maker = maker
        store = try HubStore(
            path: path, rules: maker.bug?.rules ?? .right, drawReplica: maker.numbers.draw, seat: seat,
            segmentBytes: maker.segmentBytes, nowMs: Fleet.beginMs)
        if maker.isInPieces { store.pieces.rows = 2 }
        reader = try Connection(path: path, mode: .readWrite, busyTimeoutMs: 1000)
    }

    deinit { reader.close() }

    var replica: UInt32 { store.replica }

    func vector() throws -> VectorClock { try store.vector() }

    func admit(site: String, nowMs: UInt64) throws -> UInt32 { maker.template.replicas[site]! }

    func intake(of replica: UInt32) -> PushIntake {
        PushIntake(replica: replica, room: maker.pushRoom(of: replica))
    }

    func takePush(_ push: Arrival, from replica: UInt32, nowMs: UInt64) throws {
        var intake = intake(of: replica)
        for piece in push.pieces {
            try intake.take(piece, store, nowMs: nowMs)
            if intake.hasIngested { try sabotage() }
            intake.hasIngested = false
        }
        if push.isCut { try intake.keepRest(store) } else { try intake.finish(store, nowMs: nowMs) }
    }

    func held(of replica: UInt32) throws -> HeldPart? {
        try store.staged(of: replica).map {
            HeldPart(dot: Dot(replica: replica, seq: $0.seq), segments: UInt64($0.segments))
        }
    }

    func givePull(_ request: PullRequest, to replica: UInt32, nowMs: UInt64) throws -> [UInt8] {
        // A pull names what it keeps; of nothing there is nothing to go on behind.
        let held = request.held.flatMap { $0.segments > 0 ? $0 : nil }
        var stream = PullStream(
            to: replica, after: request.position,
            resume: held.map { PullStream.Resume(dot: $0.dot, segments: $0.segments) },
            size: maker.pullSize(of: replica))
        var bytes: [UInt8] = []
        while let piece = try stream.next(from: store, nowMs: nowMs) { bytes += piece }
        return bytes
    }

    func rows() throws -> Rows { try maker.rows(reader) }

    func conflicts() throws -> [SeenConflict] {
        try store.conflicts(includeSettled: true).map { record in
            SeenConflict(
                id: record.id, kind: SeenConflict.Kind(record.kind),
                row: maker.catalogue.identity(maker.table(named: record.table), record.key),
                column: record.columnIndex, life: record.life)
        }
    }

    func withheld() throws -> [SeenWithheld] {
        let table = ConflictTable(connection: reader)
        let records = try table.all(includeSettled: true).flatMap { try table.withheld(ofConflict: $0.id) }
        // What a decision displaced is kept beside them, under the hub's own dot.
        return records.filter { $0.dot.replica != replica }.map { record in
            SeenWithheld(
                row: maker.catalogue.identity(maker.table(named: record.table), record.key), key: record.key,
                dot: record.dot, operation: record.operation,
                cells: Dictionary(uniqueKeysWithValues: zip(record.columns, record.values)), conflict: record.conflict,
                state: SeenWithheld.State(rawValue: record.state.rawValue)!)
        }
    }

    func complaint() throws -> String? { try maker.complaint(reader) }

    func lastPosition() throws -> UInt64 { try store.lastPosition() }

    func greeting(of replica: UInt32) throws -> SimulationKit.Greeting {
        let greeting = try store.greeting(of: replica)
        return SimulationKit.Greeting(seq: greeting.seq, digest: greeting.digest, held: try held(of: replica))
    }

    func split(_ asked: SplitAsked, nowMs: UInt64) throws -> (replica: UInt32, at: UInt64) {
        let request = SplitRequest(
            replica: asked.replica, sealed: asked.sealed,
            digests: asked.digests.enumerated().map { (seq: UInt64($0 + 1), digest: $1) }, position: asked.position,
            ticket: asked.ticket)
        guard case .goOn(let replica, let seq) = try store.split(request, nowMs: nowMs) else {
            throw Broken("the hub wants other digests though it has all")
        }
        return (replica, seq)
    }

    func decide(_ id: UInt64, seen changed: UInt64, _ choice: SimulationKit.Choice, nowMs: UInt64) throws
        -> Bool
    {
        guard let record = try store.conflicts(includeSettled: true).first(where: { $0.id == id }) else {
            return false
        }
        let chosen: ConflictChoice
        switch choice {
        case .side(let place):
            let side = record.life.sides[place % record.life.sides.count]
            let site = try store.siteName(of: side.dot.replica)
            chosen = .take(site: site.isEmpty ? "hub" : site)
        case .value(let value):
            // A withheld row comes in with another value in one of its columns.
            let columns = maker.catalogue.tables[maker.table(named: record.table)].dataColumns
            let place = Int(truncatingIfNeeded: record.life.changed) % columns.count
            chosen = .set([record.column ?? columns[place].name: value])
        case .now: chosen = .now
        case .restore: chosen = .restore
        case .delete: chosen = .delete
        case .admit: chosen = .admit
        case .discard: chosen = .discard
        }
        return try isAccepted {
            _ = try store.resolve(id, chosen, changed: changed, by: "operator", reason: nil, nowMs: nowMs)
        }
    }

    func undo(_ id: UInt64, seen changed: UInt64, nowMs: UInt64) throws -> Bool {
        try isAccepted { _ = try store.undo(id, changed: changed, by: "operator", reason: nil, nowMs: nowMs) }
    }

    private func isAccepted(_ body: () throws -> Void) throws -> Bool {
        do {
            try body()
            return true
        } catch let error as StoreError {
            // (A typed catch with a condition would crash this compiler.)
            guard error.kind == .refused else { throw error }
            return false
        }
    }
}

extension SeenConflict.Kind {
    init(_ kind: ConflictKind) {
        switch kind {
        case .insert: self = .insert
        case .cell: self = .cell
        case .deleteUpdate: self = .deleteUpdate
        case .unique: self = .unique
        case .foreignKey: self = .foreignKey
        case .check: self = .check
        case .scope: self = .scope
        case .invalid: self = .invalid
        }
    }
}
