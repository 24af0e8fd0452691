import Auditing
import Capturing
import ConflictStore
import HubDatabase
import JSONText
import OrderedLog
import Replication
import SQLite
import TableModel

/// Turns a copy of a node's file into the hub's as it was at that node's position.
struct BecomingHub {
    package let connection: Connection
    package let base: NodeCopy
    package let others: [NodeCopy]
    package let nowMs: UInt64
    /// Who builds it.
    package let person: String
    private let log: ChangeLog
    /// Behind this position the log has no gap.
    package private(set) var logBegins: UInt64 = 0
    package private(set) var leftOut: [String] = []

    init(_ connection: Connection, base: NodeCopy, others: [NodeCopy], by person: String, nowMs: UInt64) throws {
        self.person = person
        self.connection = connection
        self.base = base
        self.others = others
        self.nowMs = nowMs
        log = ChangeLog(connection: connection)
    }

    /// - Returns: false when the rows cannot be put back to what the hub had given.
    package mutating func run() throws -> Bool {
        let own = OwnTables(base: base, others: others)
        return try connection.transaction {
            let merged = MergedLog(base: base, others: others)
            logBegins = merged.beginning()
            try merged.write(to: log)
            try takeBackVector()
            guard try putRowsBack() else { return false }
            leftOut = try own.leaveOut(of: connection)
            try makeHubsTables()
            try noteReplicas()
            try noteWaits()
            return true
        }
    }

    /// What the site has sealed and no hub had echoed is not seen yet.
    private func takeBackVector() throws {
        var least: [UInt32: UInt64] = [:]
        for (entry, _) in base.store.inFlight.all {
            let dot = entry.header.dot
            least[dot.replica] = min(least[dot.replica] ?? .max, dot.seq)
        }
        let update = try connection.prepare("UPDATE samband_vector SET seq = ?1 WHERE replica = ?2")
        for (replica, seq) in least {
            try update.bind(seq - 1, at: 1)
            try update.bind(UInt64(replica), at: 2)
            try update.run()
        }
        try connection.execute("DELETE FROM samband_vector WHERE seq = 0; UPDATE samband_vector SET sealed = 0")
    }

    private func putRowsBack() throws -> Bool {
        let tables = try TableLayout.all(connection)
        let access = TableAccess(
            connection: connection, tables: Dictionary(uniqueKeysWithValues: tables.map { ($0.number, $0) }))
        let former = FormerRows(base: base, others: others, access: access, log: log, beginning: logBegins)
        let isBack = try former.putBack()
        // As it stands it is what the change sets that come in say; but what stands aside would be missing.
        let hasAside = base.touched.values.contains { $0.isAside }
        for table in tables { try connection.execute("DELETE FROM samband_mark_\(table.number)") }
        try connection.execute("DELETE FROM samband_aside")
        return isBack || !hasAside
    }

    private func makeHubsTables() throws {
        let lost = try EpochTable(connection: connection).hub()
        let hlc = max(try connection.metaNumber(.hlcSeen), try log.hlcReached(at: base.position))
        try connection.execute(
            """
            DELETE FROM samband_staged;
            DELETE FROM samband_meta WHERE name IN ('site', 'hub', 'position', 'clock_offset_ms', 'acknowledged', 'link',
              'link_since', 'last_contact', 'last_contact_ms', 'split_ticket', 'notice', 'notice_ms', 'trouble',
              'hlc_seen', 'seq', 'digest', 'schema_cookie', 'testified');
            """)
        try connection.setMeta(.role, .text("hub"))
        try connection.setMeta(.replica, UInt64(lost))
        try connection.setMeta(.hlc, hlc)
        // Who opens it begins an epoch, as with any copy of a hub's file.
        try connection.setMeta(.restored, nowMs)
        try connection.setMeta(.fromNodes, base.position)
        try Capture.remove(from: connection)
        try HubCreation.makeOwnTables(connection)
        try SystemGuards.install(in: connection)
        let files = ([base] + others).map { copy -> JSON in
            ["site": .string(copy.store.site), "replica": .integer(Int64(copy.replica))]
        }
        try AuditTable(connection: connection).append(
            AuditEntry(
                who: person, .hubBuilt,
                [
                    "files": .array(files), "base": .integer(Int64(base.replica)),
                    "position": .integer(Int64(base.position)),
                ], atMs: nowMs))
    }

    /// Every site of which a replica was known has its place; the secret of none of them is known here.
    private func noteReplicas() throws {
        try connection.execute(
            """
            INSERT INTO samband_site(name, state)
            SELECT site, CASE WHEN max(state <> 'retired') THEN 'active' ELSE 'retired' END
            FROM samband_replica WHERE site <> '' GROUP BY site;
            """)
        let replicas = try connection.prepare("SELECT replica FROM samband_replica WHERE site <> ''")
        var numbers: [UInt32] = []
        while try replicas.step() { numbers.append(UInt32(replicas.integer(0))) }
        let vector = try log.vector()
        let update = try connection.prepare("UPDATE samband_replica SET last_digest = ?1 WHERE replica = ?2")
        for replica in numbers {
            let dot = Dot(replica: replica, seq: vector[replica])
            var entry = try log.entry(dot)
            for copy in others + [base] where entry == nil { entry = try copy.store.log.entry(dot) }
            guard let entry else { continue }
            try update.bind(at: 1, blob: entry.header.digest)
            try update.bind(UInt64(replica), at: 2)
            try update.run()
        }
    }

    /// What withheld rows waited for only the hub knew: any row of their tables and of those that they refer to may be it.
    private func noteWaits() throws {
        let conflicts = ConflictTable(connection: connection)
        let tables = Dictionary(uniqueKeysWithValues: try TableLayout.all(connection).map { ($0.number, $0) })
        for record in try conflicts.withheld() {
            let parents = tables[record.tableNumber]?.references.map(\.parent) ?? []
            let children = tables[record.tableNumber]?.referencedBy.map(\.child) ?? []
            let numbers = Set(parents + children + [record.tableNumber])
            try conflicts.note(numbers.sorted().map { .table($0) }, of: record.id)
        }
    }
}

/// Tables, views and triggers that are not replicated: what only one site's programs keep is no matter of the hub's.
struct OwnTables {
    package let base: NodeCopy
    package let others: [NodeCopy]

    /// - Returns: the names of tables that were emptied or taken out.
    func leaveOut(of connection: Connection) throws -> [String] {
        let replicated = Set(base.store.tables.map(\.name))
        let statement = try connection.prepare(
            """
            SELECT s.type, s.name, coalesce(l.type, '') FROM sqlite_schema s
            LEFT JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.name AND s.type IN ('table', 'view')
            WHERE s.name NOT GLOB 'samband_*' AND s.name NOT GLOB 'sqlite_*' AND coalesce(l.type, '') <> 'shadow'
              AND s.sql IS NOT NULL
            ORDER BY s.type = 'table', s.type = 'view', s.name
            """)
        var found: [(type: String, name: String, kind: String)] = []
        while try statement.step() { found.append((statement.string(0), statement.string(1), statement.string(2))) }
        statement.reset()
        var leftOut: [String] = []
        for (type, name, kind) in found where type != "table" || !replicated.contains(name) {
            if try !others.allSatisfy({ try Self.has(type, name, $0.connection) }) {
                // (Its table may have taken it along already.)
                try connection.execute("DROP \(type.uppercased()) IF EXISTS \(quote(identifier: name))")
                if type == "table" { leftOut.append(name) }
            } else if type == "table", kind == "table", try !isEverywhereAlike(name, connection) {
                try connection.execute("DELETE FROM \(quote(identifier: name))")
                leftOut.append(name)
            }
        }
        return leftOut
    }

    private static func has(_ type: String, _ name: String, _ connection: Connection) throws -> Bool {
        let statement = try connection.prepare("SELECT 1 FROM sqlite_schema WHERE type = ?1 AND name = ?2")
        try statement.bind(at: 1, text: type)
        try statement.bind(at: 2, text: name)
        return try statement.step()
    }

    /// Whether all files hold the same rows of it, so that it came with the schema. Of one file nobody can tell.
    private func isEverywhereAlike(_ name: String, _ connection: Connection) throws -> Bool {
        let here = try Self.content(name, connection)
        if here == nil { return true }
        return try !others.isEmpty && others.allSatisfy { try Self.content(name, $0.connection) == here }
    }

    /// A digest of its rows; nil when it has none.
    private static func content(_ name: String, _ connection: Connection) throws -> [UInt8]? {
        let columns = try connection.prepare("SELECT name FROM pragma_table_xinfo(\(quoteText(name)))")
        var parts: [String] = []
        while try columns.step() { parts.append("quote(\(quote(identifier: columns.string(0))))") }
        let rows = try connection.prepare(
            "SELECT \(parts.joined(separator: " || ',' || ")) FROM \(quote(identifier: name)) ORDER BY 1")
        var hash = SHA256()
        var isEmpty = true
        while try rows.step() {
            hash.update(rows.bytes(0) + [0x0a])
            isEmpty = false
        }
        return isEmpty ? nil : hash.finish()
    }
}
