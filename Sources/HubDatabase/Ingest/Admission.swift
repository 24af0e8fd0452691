import Replication
import SQLite
import TableModel

/// What the hub believes a site: only dots of the credential's own active replica, in order; tables by number
/// that are replicated; contexts and positions up to what it has itself sent there; stamps at most a minute
/// ahead of its own clock. (Protocol/Merge-Model.md#what-the-hub-believes)
struct Admission {
    let store: HubStore
    package let replica: UInt32
    let nowMs: UInt64

    /// True for a decision of a lost hub, which may bring back a row with the stamps of its writes.
    var isOfHub = false

    /// Checks a header against what is known of its author.
    /// - Returns: the position up to which its author is believed to have seen; nil when it was taken already.
    func check(_ header: ChangeSetHeader) throws -> UInt64? {
        let doing = "taking in change set \(header.dot)"
        guard header.dot.replica == replica, header.kind == .local, header.conflict == 0 else {
            throw StoreError(
                .refused, doing: doing, why: "replica \(replica) may send its own local change sets only",
                hint: "The sender's database is a copy or its bytes were made up; nothing was taken.")
        }
        let known = try store.replicaState(replica)
        guard let known, known.state != .retired else {
            throw StoreError(
                .refused, doing: doing, why: "replica \(replica) is not active here",
                hint: "Ask the hub's operator: samband site list.")
        }
        let vector = try store.log.vector()
        if header.dot.seq <= vector[replica] {
            guard let entry = try store.log.entry(header.dot), entry.header == header else {
                throw StoreError(
                    .changed, doing: doing, why: "this dot names other content here already",
                    hint: "The site's database was restored or copied; it must go on as a new replica.")
            }
            return nil
        }
        guard header.dot.seq == vector[replica] + 1 else {
            throw StoreError(
                .missing, doing: doing, why: "change set \(replica):\(vector[replica] + 1) has not come yet",
                hint: "The site sends it first by itself.")
        }
        guard header.previous == known.lastDigest else {
            throw StoreError(
                .changed, doing: doing, why: "it does not follow the change set that came before it here",
                hint: "The site's database was restored or copied; it must go on as a new replica.")
        }
        guard vector.covers(header.contextDelta) else {
            throw StoreError(
                .missing, doing: doing, why: "its author had seen what this hub has not",
                hint: "Was the hub restored from an older backup?")
        }
        let seen = min(header.position, known.sent)
        try checkStamp(header, seen: seen, doing)
        return seen
    }

    /// A stamp is above all that its author has seen (else its own write would lose to what it wrote over), above its
    /// own earlier ones, and not far ahead of the hub.
    private func checkStamp(_ header: ChangeSetHeader, seen: UInt64, _ doing: String) throws {
        var floor = try store.log.hlcReached(at: seen)
        if header.dot.seq > 1,
            let previous = try store.log.entry(Dot(replica: replica, seq: header.dot.seq - 1))
        {
            floor = max(floor, previous.header.hlc)
        }
        guard header.hlc > floor else {
            throw StoreError(
                .refused, doing: doing, why: "its stamp is not above what its author had seen",
                hint: "Its clock was not kept as it must be: the site has to join again.")
        }
        let ms = HybridClock.milliseconds(header.hlc)
        guard try ms <= store.stampLimitMs(nowMs: nowMs) else {
            throw StoreError(
                .refused, doing: doing,
                why: "its stamp is \((ms - min(ms, nowMs)) / 1000) seconds ahead of the hub's clock",
                hint: "The site gives it another by itself; set the clock of its machine.")
        }
    }

    /// Reads the segments and checks them against the header and the replicated tables.
    func read(_ set: ChangeSet) throws -> [Segment] { try read(set.header, set.segments, isWhole: true) }

    /// - Parameter isWhole: false when a site hands in what the hub had given it, which may be less than was authored.
    func read(_ header: ChangeSetHeader, _ bytes: [[UInt8]], isWhole: Bool) throws -> [Segment] {
        let doing = "reading change set \(header.dot)"
        func refuse(_ why: String) -> StoreError {
            StoreError(.refused, doing: doing, why: why, hint: "Nothing was taken; the sender runs another version?")
        }
        guard !isWhole || bytes.count == header.segmentDigests.count else {
            throw refuse("it has \(bytes.count) segments and its header names others")
        }
        var segments: [Segment] = []
        var rows: UInt64 = 0
        for (number, bytes) in bytes.enumerated() {
            guard !isWhole || SHA256.digest(bytes) == header.segmentDigests[number] else {
                throw refuse("a segment's digest does not fit")
            }
            let segment = try Segment(bytes)
            for block in segment.blocks {
                guard let table = store.tables.first(where: { $0.number == block.kind.table }) else {
                    throw refuse("it names table number \(block.kind.table), which is not replicated")
                }
                try check(block, table, segment.bytes, refuse)
            }
            rows += UInt64(segment.rowCount)
            segments.append(segment)
        }
        guard !isWhole || rows == header.rowCount else { throw refuse("its header counts other rows than it holds") }
        return segments
    }

    private func check(
        _ block: Block, _ table: TableLayout, _ bytes: [UInt8], _ refuse: (String) -> StoreError
    ) throws {
        let operation = block.kind.operation
        guard operation.isUserWrite || (operation == .restored && isOfHub) else {
            throw refuse("an operation that only the hub may send")
        }
        if let why = table.misfit(of: block) { throw refuse(why) }
        try checkKeys(block, table, bytes, refuse)
    }

    /// A key comes as its column stores it. One that the column would turn into another (the number 1 for the text '1')
    /// would name a row that its hash does not, and conflicts on that row would go unseen.
    private func checkKeys(
        _ block: Block, _ table: TableLayout, _ bytes: [UInt8], _ refuse: (String) -> StoreError
    ) throws {
        let span = bytes.span
        var cursor = RowCursor(block)
        while cursor.nextKey(span) {
            for (cell, affinity) in zip(cursor.key, table.keyAffinities) where !affinity.keeps(cell, span) {
                throw refuse("a key of table \(table.name) that is not as its column stores it")
            }
        }
    }

    /// A row occurs in a change set at most once. Equal hashes are looked at: two keys may share one.
    func checkRowsOnce(_ hashes: [UInt64], _ segments: [Segment], _ header: ChangeSetHeader) throws {
        let twice = Set(zip(hashes, hashes.dropFirst()).filter { $0.0 == $0.1 }.map(\.0))
        if twice.isEmpty { return }
        var seen: Set<RowID> = []
        for segment in segments {
            let span = segment.bytes.span
            for block in segment.blocks {
                guard let shape = store.access.tables[block.kind.table]?.shape else { continue }
                var cursor = RowCursor(block)
                while cursor.nextKey(span) {
                    let row = RowID(shape: shape, key: cursor.key.map { $0.value(in: span) })
                    guard twice.contains(row.hash64) else { continue }
                    guard seen.insert(row).inserted else {
                        throw StoreError(
                            .refused, doing: "reading change set \(header.dot)", why: "a row occurs in it twice",
                            hint: "Nothing was taken; the sender runs another version?")
                    }
                }
            }
        }
    }
}
