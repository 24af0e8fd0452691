import HubDatabase
import HubService
import NodeDatabase
import NodeService
import Replication
import SQLite

/// What triggers cost the writer: the same writes with and without them.
func benchCapture(rounds: Int, rows: Int) throws -> Bool {
    var isMet = true
    for (name, perTransaction, count, goal) in [
        ("100 rows a transaction", 100, rows, 1.25), ("1 row a transaction", 1, rows / 10, 1.6),
    ] {
        isMet =
            try Comparison(name: "capture: insert, \(name)", goal: goal).run(
                rounds: rounds,
                plain: { _ in
                    let folder = try BenchFolder()
                    let connection = try folder.plain()
                    return try seconds {
                        try Workload.insert(connection, 0..<count, perTransaction: perTransaction)
                    }
                },
                ours: { _ in
                    let folder = try BenchFolder()
                    _ = try folder.fleet(["node"])
                    let connection = try folder.program("node.db")
                    return try seconds {
                        try Workload.insert(connection, 0..<count, perTransaction: perTransaction)
                    }
                }) && isMet
        let updates = try CaptureOfUpdates(rows: 4 * rows)
        isMet =
            try Comparison(name: "capture: update, \(name)", goal: goal).run(
                rounds: rounds,
                plain: { try updates.plain(round: $0, count, perTransaction) },
                ours: { try updates.ours(round: $0, count, perTransaction) }) && isMet
    }
    return isMet
}

/// Two databases of the same rows, one of them captured. The table is larger than SQLite's cache, as a table in use
/// is: in a small one only the processor's part would be measured.
private struct CaptureOfUpdates {
    private let folder: BenchFolder
    private let fleet: (hub: HubStore, nodes: [NodeStore])
    private let plainProgram: Connection
    private let ourProgram: Connection
    private let rows: Int

    init(rows: Int) throws {
        self.rows = rows
        folder = try BenchFolder()
        plainProgram = try folder.plain()
        fleet = try folder.fleet(["node"])
        ourProgram = try folder.program("node.db")
        try Workload.insert(plainProgram, 0..<rows, perTransaction: 1000)
        try Workload.insert(ourProgram, 0..<rows, perTransaction: 1000)
        try fleet.nodes[0].seal(nowMs: nowMs())
    }

    func plain(round: Int, _ count: Int, _ perTransaction: Int) throws -> Double {
        try folder.settle("plain.db")
        return try seconds {
            try Workload.update(
                plainProgram, 0..<count, of: rows, perTransaction: perTransaction, status: "accepted \(round)"
            )
        }
    }

    func ours(round: Int, _ count: Int, _ perTransaction: Int) throws -> Double {
        try fleet.nodes[0].seal(nowMs: nowMs())
        try folder.settle("node.db")
        return try seconds {
            try Workload.update(
                ourProgram, 0..<count, of: rows, perTransaction: perTransaction, status: "accepted \(round)")
        }
    }
}

/// What a seal costs, against writing those rows plainly.
func benchSeal(rounds: Int, rows: Int) throws -> Bool {
    try Comparison(name: "seal: \(rows) inserted rows", goal: nil).run(
        rounds: rounds,
        plain: { _ in
            let connection = try BenchFolder().plain()
            return try seconds { try Workload.insert(connection, 0..<rows, perTransaction: 2000) }
        },
        ours: { _ in
            let folder = try BenchFolder()
            let fleet = try folder.fleet(["node"])
            let connection = try folder.program("node.db")
            try Workload.insert(connection, 0..<rows, perTransaction: 2000)
            try folder.settle("node.db")
            return try seconds { try fleet.nodes[0].seal(nowMs: nowMs()) }
        })
}

/// What taking change sets of 2,000 rows in costs, at the hub and at a node, against writing the rows plainly.
func benchApply(rounds: Int, rows: Int) throws -> Bool {
    var isMet = true
    for (kind, goal) in [("insert", 1.3), ("update", 1.3)] {
        let isUpdate = kind == "update"
        func plain(_: Int) throws -> Double {
            let folder = try BenchFolder()
            let connection = try folder.plain(synchronous: "FULL")
            if isUpdate {
                try Workload.insert(connection, 0..<rows, perTransaction: 2000)
                try folder.settle("plain.db")
            }
            return try seconds {
                if isUpdate {
                    try Workload.update(connection, 0..<rows, of: rows, perTransaction: 2000)
                } else {
                    try Workload.insert(connection, 0..<rows, perTransaction: 2000)
                }
            }
        }
        isMet =
            try Comparison(name: "apply at the hub: \(kind), undo kept", goal: isUpdate ? nil : goal).run(
                rounds: rounds, plain: plain, ours: { _ in try applyOnce(rows: rows, isUpdate: isUpdate).hub }
            ) && isMet
        isMet =
            try Comparison(name: "apply at a node: \(kind)", goal: goal).run(
                rounds: rounds, plain: plain, ours: { _ in try applyOnce(rows: rows, isUpdate: isUpdate).node })
            && isMet
    }
    return isMet
}

private func applyOnce(rows: Int, isUpdate: Bool) throws -> (hub: Double, node: Double) {
    let folder = try BenchFolder()
    let (hub, nodes) = try folder.fleet(["author", "reader"])
    let program = try folder.program("author.db")
    func exchange() throws -> (Double, Double) {
        let known = try hub.vector()[nodes[0].replica]
        var sending = PushStream(try nodes[0].offers(after: known, maxBytes: .max))
        var pushed: [[UInt8]] = []
        while let piece = try sending.next(from: nodes[0]) { pushed.append(piece) }
        try folder.settle("hub.db")
        let atHub = try seconds {
            var intake = PushIntake(replica: nodes[0].replica)
            for piece in pushed { try intake.take(piece, hub, nowMs: nowMs()) }
            try intake.finish(hub, nowMs: nowMs())
        }
        var giving = PullStream(to: nodes[1].replica, after: try nodes[1].position())
        var pulled: [[UInt8]] = []
        while let piece = try giving.next(from: hub, nowMs: nowMs()) { pulled.append(piece) }
        try folder.settle("reader.db")
        let atNode = try seconds {
            var intake = PullIntake(left: [], localMs: nowMs())
            for piece in pulled { _ = try intake.take(piece, nodes[1], localMs: nowMs(), nowMs: nowMs()) }
            _ = try intake.takeWhole(nodes[1], nowMs: nowMs())
        }
        return (atHub, atNode)
    }
    for start in stride(from: 0, to: rows, by: 2000) {
        try Workload.insert(program, start..<min(start + 2000, rows), perTransaction: 2000)
        try nodes[0].seal(nowMs: nowMs())
    }
    let inserted = try exchange()
    guard isUpdate else { return inserted }
    for start in stride(from: 0, to: rows, by: 2000) {
        let end = min(start + 2000, rows)
        try Workload.update(program, start..<end, of: rows, perTransaction: 2000)
        try nodes[0].seal(nowMs: nowMs())
    }
    return try exchange()
}
