import Glibc
import HubDatabase
import Replication
import SQLite
import TableModel

/// Builds a hub's database from the files of nodes, where no backup is left.
///
/// The file that has come furthest in the newest order becomes the hub as a backup of it at that position would have
/// been: its own writes since go out of the tables and are handed in, with all that the other files know, as to any hub
/// that was restored. What a file has not sealed yet has no name: its own node seals and sends it when it is back.
package enum HubFromNodes {
    package static let doing = "building a hub from the files of nodes"

    /// What a file has brought.
    package struct Source: Sendable {
        package let file: String
        package let site: String
        package let replica: UInt32
        package let position: UInt64
        /// Own change sets that no hub had echoed.
        package let inFlight: Int
        /// Rows written since its last seal: they are in no change set, so they are not in the new hub yet.
        package let unsealed: Int
        /// The hub's tables began as those of this file.
        package let isBase: Bool
    }

    package struct Result: Sendable {
        package let sources: [Source]
        /// Behind this position the new hub has the order; a site that ends before it has to join anew.
        package let logBegins: UInt64
        /// Tables that are not replicated, of which the content, or all, was left out: it was one site's own.
        package let leftOut: [String]
        package let report: RecoveryReport
    }

    /// - Parameters:
    ///   - path: a file that does not exist yet; on a failure none is left there.
    ///   - person: who builds it, for the audit.
    package static func build(
        from files: [String], to path: String, by person: String = "samband", nowMs: UInt64,
        drawReplica: @escaping () -> UInt32 = HubStore.randomReplica
    ) throws(StoreError) -> Result {
        let file: NewDatabaseFile
        do { file = try NewDatabaseFile(path: path, doing: "build a hub from the files of nodes") } catch {
            throw refusal(error)
        }
        do throws(StoreError) {
            let result = try storing(doing) {
                try Building(files, at: file.buildPath, by: person, nowMs: nowMs, drawReplica: drawReplica).run()
            }
            do throws(SchemaError) { try file.publish() } catch { throw refusal(error) }
            // Without its seat a hub's file counts as one that was put back.
            let (replica, position) = (result.hub, result.position)
            try storing(doing) { try HubHighWaterMark(database: path).note(replica: replica, position: position) }
            return result.result
        } catch {
            file.abandon()
            throw error
        }
    }

    private static func refusal(_ error: SchemaError) -> StoreError {
        switch error {
        case .refused(let refusal):
            StoreError(.refused, doing: doing, why: "\(refusal.what): \(refusal.why)", hint: refusal.hint)
        case .database(let error): StoreError(error, doing: doing)
        }
    }
}

/// One building, at a place that has no name yet.
private struct Building {
    let path: String
    let copies: [NodeCopy]
    let person: String
    let nowMs: UInt64
    let drawReplica: () -> UInt32

    init(
        _ files: [String], at path: String, by person: String, nowMs: UInt64, drawReplica: @escaping () -> UInt32
    ) throws {
        self.person = person
        self.path = path
        self.nowMs = nowMs
        self.drawReplica = drawReplica
        guard !files.isEmpty else {
            throw StoreError(
                .misused, doing: HubFromNodes.doing, why: "no file was named", hint: "Name the files of the nodes.")
        }
        copies = try files.enumerated().map { try NodeCopy(of: $1, at: "\(path)-node\($0)") }
        try checkFit()
    }

    func run() throws -> (result: HubFromNodes.Result, hub: UInt32, position: UInt64) {
        let (base, logBegins, leftOut) = try makeBase()
        let hub = try HubStore(path: path, drawReplica: drawReplica, nowMs: nowMs)
        defer { hub.connection.close() }
        for copy in copies { try handIn(copy, to: hub) }
        try check(hub)
        let sources = copies.map { copy in
            HubFromNodes.Source(
                file: copy.file, site: copy.store.site, replica: copy.replica, position: copy.position,
                inFlight: copy.store.inFlight.count, unsealed: copy.unsealedCount, isBase: copy === base)
        }
        let result = HubFromNodes.Result(
            sources: sources, logBegins: logBegins, leftOut: leftOut, report: try hub.recoveryReport())
        let end = (hub.replica, try hub.lastPosition())
        hub.writeBack()
        return (result, end.0, end.1)
    }

    // MARK: which files

    private func checkFit() throws {
        func refuse(_ why: String, _ hint: String) -> StoreError {
            StoreError(.refused, doing: HubFromNodes.doing, why: why, hint: hint)
        }
        let first = copies[0]
        for (place, copy) in copies.enumerated().dropFirst() {
            guard copy.store.fleet == first.store.fleet, copy.epochs.first?.hub == first.epochs.first?.hub else {
                throw refuse(
                    "\(first.file) and \(copy.file) are of different fleets", "Name the files of one fleet only.")
            }
            guard try schema(of: copy) == schema(of: first) else {
                throw refuse(
                    "\(first.file) and \(copy.file) do not replicate the same tables and columns",
                    "Leave one of them out; what it knows is handed in when its node is in touch.")
            }
            if let same = copies[..<place].first(where: { $0.replica == copy.replica }) {
                throw refuse(
                    "\(same.file) and \(copy.file) are both replica \(copy.replica) of site \(copy.store.site)",
                    "Name the one that its node runs. Another one comes in when a node runs it.")
            }
        }
    }

    private func schema(of copy: NodeCopy) throws -> [String] {
        try ["version \(copy.connection.metaNumber(.schemaVersion))"]
            + copy.store.tables.map { "\($0.number) \($0.name) \($0.keyColumns) \($0.dataColumns)" }
    }

    /// The file that has come furthest first.
    private func candidates() -> [NodeCopy] {
        let newest = copies.max { ($0.epochs.count, $0.epochBeganMs) < ($1.epochs.count, $1.epochBeganMs) }!
        return copies.filter { $0.epochs == newest.epochs }.sorted { a, b in
            if a.position != b.position { return a.position > b.position }
            return a.touched.count < b.touched.count
        }
    }

    /// Makes the hub as it was at the position of the first candidate that can be put back to what the hub had given it.
    private func makeBase() throws -> (base: NodeCopy, logBegins: UInt64, leftOut: [String]) {
        for base in candidates() {
            for end in ["-wal", "-shm", "-journal"] { unlink(path + end) }
            truncate(path, 0)
            let statement = try base.connection.prepare("VACUUM INTO ?1")
            try statement.bind(at: 1, text: path)
            try statement.run()
            let connection = try Connection(path: path, mode: .readWrite, busyTimeoutMs: 1000)
            defer { connection.close() }
            try ReplicaFile.prepare(connection)
            let others = copies.filter { $0 !== base }
            var becoming = try BecomingHub(connection, base: base, others: others, by: person, nowMs: nowMs)
            if try becoming.run() { return (base, becoming.logBegins, becoming.leftOut) }
        }
        throw StoreError(
            .refused, doing: HubFromNodes.doing,
            why: "in every file rows stand aside whose former state none of them tells",
            hint: "Name the files of more sites: each node has what the hub had given it.")
    }

    // MARK: what they know

    /// Hands in what a file knows, as its node would.
    private func handIn(_ copy: NodeCopy, to hub: HubStore) throws {
        let node = copy.store
        try hub.adopt(node.splitSteps(), ofSite: node.site, nowMs: nowMs)
        let epochs = copy.epochs
        guard let after = try hub.sharedPosition(with: epochs) else { return }
        let offers = try node.offers(after: after)
        for start in stride(from: 0, to: offers.count, by: 1000) {
            let some = Array(offers[start..<min(start + 1000, offers.count)])
            for dot in try hub.wanted(some, from: copy.replica, epochs: epochs) {
                guard let set = try node.handedIn(dot) else { continue }
                try hub.keepHanded([set], from: copy.replica, epochs: epochs)
            }
        }
        try hub.noteHeard(
            copy.replica, epochs: epochs, sealed: node.sealedSeq(), place: node.place(), nowMs: nowMs)
    }

    private func check(_ hub: HubStore) throws {
        let connection = hub.connection
        guard try connection.firstString("PRAGMA integrity_check(1)") == "ok",
            try connection.firstInteger("SELECT EXISTS(SELECT 1 FROM pragma_foreign_key_check)") == 0
        else {
            throw StoreError(
                .diverged, doing: HubFromNodes.doing, why: "what came of it does not hold its constraints",
                hint: "Check the files: PRAGMA integrity_check, PRAGMA foreign_key_check. None of them was changed.")
        }
    }
}
