import Foundation
import HubDatabase
import HubService
import NodeDatabase
import NodeService
import Replication
import SQLite

/// What a site that was away and the others have done in the meantime.
enum MergeCase: String, CaseIterable {
    case disjoint
    case columns
    case few
    case all
    case cascade
    case restored

    var title: String {
        switch self {
        case .disjoint: "other rows"
        case .columns: "same rows, other columns"
        case .few: "same rows, 1 % in conflict"
        case .all: "same cells, all in conflict"
        case .cascade: "deletes with cascades return to edits"
        case .restored: "edits return to deletes with cascades"
        }
    }

    var hasFamilies: Bool { self == .cascade || self == .restored }
}

/// The files that the measurements start from, in one folder:
/// `hub.db` with what was written while the site was away, `blind.db` the same hub without it, `returning.db` the site
/// with its own changes sealed, `reader.db` a site that has written nothing.
struct MergeFleet {
    let which: MergeCase
    let rows: Int
    /// Rows of one change set, both of the site's and of the others'.
    let perSet: Int
    let folder: String

    private static let childrenPerParent = 100

    func prepare() throws {
        let made = try BenchFolder()
        do {
            let (hub, nodes) = try made.fleet(
                ["home", "returning", "reader"], schema: which.hasFamilies ? Workload.families : Workload.registered)
            let home = try made.program("home.db")
            let returning = try made.program("returning.db")
            defer {
                home.close()
                returning.close()
            }
            try load(home) { try nodes[0].seal(nowMs: nowMs()) }
            try push(nodes[0], to: hub)
            for node in nodes[1...] { try pull(node, from: hub) }
            hub.writeBack()
            try FileManager.default.copyItem(atPath: made.path + "/hub.db", toPath: folder + "/blind.db")
            try write(home, isReturning: false) { try nodes[0].seal(nowMs: nowMs()) }
            try write(returning, isReturning: true) { try nodes[1].seal(nowMs: nowMs()) }
            try push(nodes[0], to: hub)
            hub.writeBack()
            for node in nodes { node.writeBack() }
        }
        for name in ["hub.db", "returning.db", "reader.db"] {
            try FileManager.default.moveItem(atPath: "\(made.path)/\(name)", toPath: "\(folder)/\(name)")
        }
    }

    /// The rows that both sites know.
    private func load(_ program: Connection, sealing seal: () throws -> Void) throws {
        guard which.hasFamilies else {
            for start in stride(from: 0, to: 2 * rows, by: 2000) {
                try Workload.insert(program, start..<min(start + 2000, 2 * rows), perTransaction: 2000)
                try seal()
            }
            return
        }
        let parent = try program.cached("INSERT INTO episode VALUES(?1, '1736', 'open', 'Pasienten ønsker time.')")
        let child = try program.cached("INSERT INTO contact VALUES(?1, ?2, 'planned', 'Pasienten ønsker time.')")
        for start in stride(from: 0, to: 2 * parents, by: 20) {
            try program.transaction {
                for number in start..<min(start + 20, 2 * parents) {
                    try parent.bind(at: 1, blob: Workload.key(number))
                    try parent.run()
                    for place in 0..<Self.childrenPerParent {
                        try child.bind(at: 1, blob: childKey(number, place))
                        try child.bind(at: 2, blob: Workload.key(number))
                        try child.run()
                    }
                }
            }
            try seal()
        }
    }

    private var parents: Int { rows / Self.childrenPerParent }

    private func childKey(_ parent: Int, _ place: Int) -> [UInt8] {
        Workload.key(1_000_000_000 + parent * Self.childrenPerParent + place)
    }

    private func write(_ program: Connection, isReturning: Bool, sealing seal: () throws -> Void) throws {
        if which.hasFamilies {
            // Away or at home, as the case has it.
            if isReturning == (which == .cascade) {
                try deleteParents(program, seal)
            } else {
                try editFamilies(program, seal)
            }
            return
        }
        // Each site goes through the rows in an order of its own, so that a change set meets many others.
        let stride = isReturning ? 7919 : 104_729
        let first = which == .disjoint && isReturning ? rows : 0
        let isOtherColumn = !isReturning && (which == .columns || which == .few)
        for start in Swift.stride(from: 0, to: rows, by: perSet) {
            try program.transaction {
                for number in start..<min(start + perSet, rows) {
                    let row = number * stride % rows
                    let isMet = !isOtherColumn || (which == .few && row % 100 == 0)
                    try update(program, first + row, isMet ? "status" : "note", "\(isReturning ? "away" : "home")")
                }
            }
            try seal()
        }
    }

    private func update(_ program: Connection, _ row: Int, _ column: String, _ value: String) throws {
        let statement = try program.cached("UPDATE referral SET \(column) = ?2 WHERE id = ?1")
        try statement.bind(at: 1, blob: Workload.key(row))
        try statement.bind(at: 2, text: value)
        try statement.run()
    }

    private func deleteParents(_ program: Connection, _ seal: () throws -> Void) throws {
        try program.execute("PRAGMA foreign_keys = ON")
        let statement = try program.cached("DELETE FROM episode WHERE id = ?1")
        let perSet = max(1, perSet / Self.childrenPerParent)
        for start in stride(from: 0, to: parents, by: perSet) {
            try program.transaction {
                for number in start..<min(start + perSet, parents) {
                    try statement.bind(at: 1, blob: Workload.key(number))
                    try statement.run()
                }
            }
            try seal()
        }
    }

    /// Edits the parents that the other site deletes, and children of those that it leaves alone.
    private func editFamilies(_ program: Connection, _ seal: () throws -> Void) throws {
        let parent = try program.cached("UPDATE episode SET status = 'seen' WHERE id = ?1")
        let child = try program.cached("UPDATE contact SET status = 'held' WHERE id = ?1")
        for start in stride(from: 0, to: rows, by: perSet) {
            try program.transaction {
                for number in start..<min(start + perSet, rows) {
                    if number % Self.childrenPerParent == 0 {
                        try parent.bind(at: 1, blob: Workload.key(number / Self.childrenPerParent))
                        try parent.run()
                    } else {
                        let place = number % Self.childrenPerParent
                        try child.bind(at: 1, blob: childKey(parents + number / Self.childrenPerParent, place))
                        try child.run()
                    }
                }
            }
            try seal()
        }
    }
}

/// Sends all that the hub lacks, as the services do.
func push(_ node: NodeStore, to hub: HubStore) throws {
    while case let known = try hub.vector()[node.replica], try known < node.sealedSeq() {
        var stream = PushStream(try node.offers(after: known, maxBytes: 4 << 20))
        var intake = PushIntake(replica: node.replica)
        while let piece = try stream.next(from: node) { try intake.take(piece, hub, nowMs: nowMs()) }
        try intake.finish(hub, nowMs: nowMs())
    }
}

/// Takes in all that the hub has, as the services do.
func pull(_ node: NodeStore, from hub: HubStore) throws {
    var stream = PullStream(to: node.replica, after: try node.position())
    var intake = PullIntake(left: [], localMs: nowMs())
    while let piece = try stream.next(from: hub, nowMs: nowMs()) {
        _ = try intake.take(piece, node, localMs: nowMs(), nowMs: nowMs())
    }
    _ = try intake.takeWhole(node, nowMs: nowMs())
}
