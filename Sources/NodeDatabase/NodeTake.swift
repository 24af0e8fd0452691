import ConflictStore
import Merging
import OrderedLog
import Replication
import SQLite
import TableModel

extension NodeStore {
    /// Takes in hub transactions, in order, as one local transaction: seals first, so that every context is
    /// exact, then applies, then lets every row of our own that fits stand again.
    package func take(_ transactions: [HubTransaction], nowMs: UInt64) throws(StoreError) {
        guard !transactions.isEmpty else { return }
        try writing("taking in \(transactions.count) hub transactions") {
            _ = try sealInTransaction(nowMs: nowMs)
            var hasPolicies = false
            for transaction in transactions {
                if try transaction[0].delivery.isAbsorbed || isSwitch(transaction) {
                    try follow(transaction, nowMs: nowMs)
                    hasPolicies = true
                } else {
                    try take(transaction, &hasPolicies)
                }
            }
            if hasPolicies { try renewCapture() }
            try dropStaged()
        }
    }

    /// - Parameter hasPolicies: becomes true when other policies come with it.
    private func take(_ transaction: HubTransaction, _ hasPolicies: inout Bool) throws {
        let hadInFlight = !inFlight.isEmpty
        var settling = try LocalRebase(store: self)
        var seen = try connection.metaNumber(.hlcSeen)
        for delivered in transaction {
            guard let position = Optional(delivered.delivery.position), position > 0 else {
                throw StoreError(
                    .refused, doing: "taking in change set \(delivered.header.dot)", why: "it has no position",
                    hint: "The hub runs another version?")
            }
            let known = try connection.metaNumber(.position)
            if position <= known { continue }
            guard position == known + 1 else {
                throw StoreError(
                    .missing, doing: "taking in change set \(delivered.header.dot)",
                    why: "position \(known + 1) has not come yet", hint: "It is asked for again by itself.")
            }
            if try isOwn(delivered) {
                try echo(delivered.header, position: position)
            } else {
                let segments = try takeForeign(delivered, position: position, careful: hadInFlight, &settling)
                hasPolicies =
                    hasPolicies
                    || segments.contains { $0.blocks.contains { $0.kind.table == ConflictTable.policyNumber } }
            }
            clock.observe(delivered.header.hlc)
            seen = max(seen, delivered.header.hlc)
            try log.advance(delivered.header.dot)
            if delivered.header.kind == .arbitration {
                // What the hub counts as seen of a lost hub is in no log.
                for entry in delivered.header.contextDelta.entries {
                    try log.advance(Dot(replica: entry.replica, seq: entry.seq))
                }
            }
            try connection.setMeta(.position, position)
        }
        try connection.setMeta(.hlc, clock.last)
        try connection.setMeta(.hlcSeen, seen)
        if hadInFlight || settling.isNeeded { try settling.run() }
    }

    /// What we sealed under a former replica number comes back whole, for the hub has it as another's.
    private func isOwn(_ delivered: DeliveredChangeSet) throws -> Bool {
        let dot = delivered.header.dot
        return dot.replica == replica || delivered.delivery.isEcho || inFlight.holds(dot)
    }

    /// Our own change set has landed in the hub's order: it is no longer in flight.
    private func echo(_ header: ChangeSetHeader, position: UInt64) throws {
        guard let first = inFlight.first, first.entry.header == header else {
            throw StoreError(
                .diverged, doing: "taking in the echo of change set \(header.dot)",
                why: "this database has not sealed it as the hub has it, or not yet",
                hint: "The file was put back from a backup or copied; it goes on as a new replica by itself.")
        }
        try log.setPosition(position, of: header.dot)
        inFlight.removeFirst()
    }

    /// Logs a change set of another without applying it.
    func logForeign(_ delivered: DeliveredChangeSet, position: UInt64) throws {
        let segments = try delivered.segments.map { try Segment($0) }
        try logForeign(delivered, segments, position: position)
    }

    @discardableResult
    private func logForeign(
        _ delivered: DeliveredChangeSet, _ segments: [Segment], position: UInt64
    ) throws -> (LogEntry, [UInt64]) {
        let header = delivered.header
        let digests = delivered.delivery.isEffective ? delivered.delivery.effectiveDigests : header.segmentDigests
        guard digests.count == delivered.segments.count else {
            throw StoreError(
                .refused, doing: "taking in change set \(header.dot)", why: "segments are missing",
                hint: "It is asked for again by itself.")
        }
        for (bytes, digest) in zip(delivered.segments, digests) where SHA256.digest(bytes) != digest {
            throw StoreError(
                .refused, doing: "taking in change set \(header.dot)", why: "a segment's digest does not fit",
                hint: "It is asked for again by itself.")
        }
        try checkFit(segments, header)
        let hashes = try keyHashes(
            of: segments, shapes: access.tables.mapValues(\.shape), doing: "taking in change set \(header.dot)")
        let entry = LogEntry(
            id: try log.nextID(), position: position, header: header, seen: header.position,
            isEffective: delivered.delivery.isEffective, endsTransaction: delivered.delivery.endsTransaction)
        try log.append(entry, keyHashes: hashes)
        let variant: SegmentVariant = entry.isEffective ? .effective : .authored
        for (number, bytes) in delivered.segments.enumerated() {
            try log.appendSegment(bytes, change: entry.id, variant: variant, number: number, digest: digests[number])
        }
        return (entry, hashes)
    }

    func takeForeign(
        _ delivered: DeliveredChangeSet, position: UInt64, careful: Bool, _ settling: inout LocalRebase
    ) throws -> [Segment] {
        let segments = try delivered.segments.map { try Segment($0) }
        let (entry, hashes) = try logForeign(delivered, segments, position: position)
        let rows = IncomingRows(entry, segments, hashes: hashes, shapes: access.tables.mapValues(\.shape))
        try ChangeSetApply(store: self, rows: rows, checksReferences: careful).run(&settling)
        return segments
    }

    private func checkFit(_ segments: [Segment], _ header: ChangeSetHeader) throws {
        for block in segments.lazy.flatMap(\.blocks) {
            guard let why = access.tables[block.kind.table]?.misfit(of: block) else { continue }
            throw StoreError(
                .refused, doing: "taking in change set \(header.dot)", why: why,
                hint: "The sender runs another schema; nothing was taken.")
        }
    }

    // MARK: our own operations in flight

    /// The place of a row's last own operation in the order of sealing; nil for a row that is settled.
    func ownOrder(of row: RowID) -> UInt64? {
        inFlight.lastOrder(holding: row.hash64)
    }

    // MARK: rows aside

    /// The row that is set aside under this identity; nil when none is.
    package func aside(_ row: RowID) throws -> Row? {
        let statement = try connection.cached(
            "SELECT row FROM samband_aside WHERE table_number = ?1 AND canonical = ?2")
        try statement.bind([.integer(Int64(row.table)), .blob(row.canonical)])
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        let (_, key, values, _) = try OperationReader.decodeRow(statement.bytes(0))
        return Row(id: row, key: key, data: values)
    }

    /// All rows that are set aside.
    package func allAside() throws -> [Row] {
        let statement = try connection.cached("SELECT table_number, canonical, row FROM samband_aside")
        defer { statement.reset() }
        var rows: [Row] = []
        while try statement.step() {
            let (_, key, values, _) = try OperationReader.decodeRow(statement.bytes(2))
            rows.append(
                Row(
                    id: RowID(table: Int(statement.integer(0)), canonical: statement.bytes(1)), key: key, data: values))
        }
        return rows
    }

    func putAside(_ row: Row) throws {
        let table = try access.table(row.id.table, "putting a row aside")
        let kind = BlockKind(table: table.number, operation: .insert, columns: table.allColumns)
        let statement = try connection.cached(
            "INSERT OR REPLACE INTO samband_aside(table_number, canonical, row) VALUES(?1, ?2, ?3)")
        try statement.bind([
            .integer(Int64(row.id.table)), .blob(row.id.canonical),
            .blob(OperationReader.encode(kind, key: row.key, values: row.data)),
        ])
        try statement.run()
    }

    func dropAside(_ row: RowID) throws {
        let statement = try connection.cached(
            "DELETE FROM samband_aside WHERE table_number = ?1 AND canonical = ?2")
        try statement.bind([.integer(Int64(row.table)), .blob(row.canonical)])
        try statement.run()
    }
}
