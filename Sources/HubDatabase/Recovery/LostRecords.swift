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
    let hubs: Set<UInt32>

    init(_ handed: RecoveredSets) throws {
        hubs = try handed.hubs()
        try handed.eachTold { number, row in
            guard number == ConflictTable.conflictNumber, case .integer(let id) = row.key.first,
                case .integer(let table) = row["table_number"], case .blob(let canonical) = row["canonical"]
            else { return }
            let name = Name(hub: row.header.dot.replica, id: UInt64(bitPattern: id))
            if let known = conflicts[name], known.hlc > row.header.hlc { return }
            conflicts[name] = Record(
                table: Int(table), canonical: canonical, columnIndex: row["column_index"].int,
                isByPerson: row["settlement"].string == "person", decision: Self.decision(of: row), hlc: row.header.hlc)
        }
    }

    private static func decision(of row: ToldRow) -> Decision? {
        guard let by = row["decided_by"].string, let at = row["decided_at"].int, let how = row["decided_how"].string
        else { return nil }
        return Decision(by: by, atMs: UInt64(max(at, 0)), how: how, reason: row["reason"].string)
    }
}

extension Value {
    fileprivate var string: String? {
        if case .text(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil }
    }
    fileprivate var int: Int? { if case .integer(let number) = self { Int(exactly: number) } else { nil } }
}
