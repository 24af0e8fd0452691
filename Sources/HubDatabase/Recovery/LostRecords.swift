import ConflictStore
import Replication

/// The conflicts of lost hubs, as their arbitrations last told the sites: who decided what, and how.
struct LostRecords {
    struct Record {
        let table: Int
        let canonical: [UInt8]
        let columnIndex: Int?
        let isByPerson: Bool
        let decision: Decision?
        /// The stamp of the arbitration that told of it.
        package let hlc: UInt64
    }

    /// A conflict as one lost hub numbered it: another may have given the number to another.
    struct Name: Hashable, Comparable {
        let hub: UInt32
        let id: UInt64

        static func < (a: Name, b: Name) -> Bool { a.id != b.id ? a.id < b.id : a.hub < b.hub }
    }

    private(set) var conflicts: [Name: Record] = [:]
    /// The replica numbers of all lost hubs of which something was handed in.
    private(set) var hubs: Set<UInt32> = []

    init(_ handed: HandedTable, shapes: [Int: TableShape]) throws {
        var found: [Name: Record] = [:]
        var hubs: Set<UInt32> = []
        let columns = ConflictTable.travelling.first { $0.number == ConflictTable.conflictNumber }!.dataColumns
        func place(_ name: String) -> Int { columns.firstIndex(of: name)! }
        try handed.each("noted") { record in
            hubs.insert(record.header.dot.replica)
            for bytes in try handed.segments(record.id) {
                let segment = try Segment(bytes)
                let span = segment.bytes.span
                for block in segment.blocks
                where block.kind.table == ConflictTable.conflictNumber && block.kind.operation == .carried {
                    var cursor = RowCursor(block)
                    while cursor.next(span) {
                        let cells = cursor.cells.map { $0.value(in: span) }
                        guard case .integer(let id) = cursor.key[0].value(in: span), cells.count == columns.count,
                            case .integer(let table) = cells[place("table_number")],
                            case .blob(let canonical) = cells[place("canonical")]
                        else { continue }
                        let name = Name(hub: record.header.dot.replica, id: UInt64(bitPattern: id))
                        if let known = found[name], known.hlc > record.header.hlc { continue }
                        found[name] = Record(
                            table: Int(table), canonical: canonical, columnIndex: cells[place("column_index")].int,
                            isByPerson: cells[place("settlement")].string == "person",
                            decision: Self.decision(
                                by: cells[place("decided_by")], at: cells[place("decided_at")],
                                how: cells[place("decided_how")], reason: cells[place("reason")]),
                            hlc: record.header.hlc)
                    }
                }
            }
        }
        conflicts = found
        self.hubs = hubs
    }

    private static func decision(by: Value, at: Value, how: Value, reason: Value) -> Decision? {
        guard let by = by.string, let at = at.int, let how = how.string else { return nil }
        return Decision(by: by, atMs: UInt64(max(at, 0)), how: how, reason: reason.string)
    }
}

extension Value {
    fileprivate var string: String? {
        if case .text(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil }
    }
    fileprivate var int: Int? { if case .integer(let number) = self { Int(exactly: number) } else { nil } }
}
