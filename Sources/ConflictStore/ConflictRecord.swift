import Replication

/// A person's decision, or a policy's.
package struct Decision: Hashable, Sendable {
    /// Who decides when no person does.
    package static let policy = "policy"

    /// The person's name, or `policy`.
    package let by: String
    package let atMs: UInt64
    /// A person's: the word of a choice, or one of `DecidedHow`. Without a person: the name of the policy, or `release`.
    package let how: String
    package let reason: String?

    /// The choice that was made; nil when it was none.
    package var choice: ChoiceWord? { ChoiceWord(rawValue: how) }

    package init(by: String, atMs: UInt64, how: String, reason: String?) {
        self.by = by
        self.atMs = atMs
        self.how = how
        self.reason = reason
    }
}

/// One conflict as the hub keeps it and every site sees it.
package struct ConflictRecord: Hashable, Sendable {
    package let id: UInt64
    package let kind: ConflictKind
    package let tableNumber: Int
    package let table: String
    package let key: [Value]
    package let row: RowID
    /// The data column, by index and name; nil when it is about the whole row.
    package let columnIndex: Int?
    package let column: String?
    package let openedAtMs: UInt64
    /// The value before, of the cell; for a whole row its cells, nil when it was absent.
    package let base: ConflictBase
    package var life: Conflict
    package var decision: Decision?
    /// Decisions that were taken back, each followed by the one that did so, oldest first.
    package var earlier: [Decision] = []

    package init(
        id: UInt64, kind: ConflictKind, tableNumber: Int, table: String, key: [Value], row: RowID, columnIndex: Int?,
        column: String?, openedAtMs: UInt64, base: ConflictBase, life: Conflict, decision: Decision? = nil,
        earlier: [Decision] = []
    ) {
        self.id = id
        self.kind = kind
        self.tableNumber = tableNumber
        self.table = table
        self.key = key
        self.row = row
        self.columnIndex = columnIndex
        self.column = column
        self.openedAtMs = openedAtMs
        self.base = base
        self.life = life
        self.decision = decision
        self.earlier = earlier
    }
}

/// What stood before the conflict.
package enum ConflictBase: Hashable, Sendable {
    case cell(Value)
    case row([Value]?)
}

/// A row that was received and is kept with all its values, but is not in the table.
package struct WithheldRecord: Hashable, Sendable {
    package let id: UInt64
    package let conflict: UInt64
    package let tableNumber: Int
    package let table: String
    package let key: [Value]
    package let row: RowID
    package let dot: Dot
    package let operation: Operation
    package let columns: [Int]
    package let values: [Value]
    /// By how much its author raised a column of the policy `sum`, by data column.
    package let deltas: [Int: Int64]
    package let state: WithheldState
}

// MARK: bytes

extension ConflictRecord {
    package static func encode(_ key: [Value]) -> [UInt8] {
        var out = ByteWriter()
        out.varint(key.count)
        for value in key { out.cell(value) }
        return out.bytes
    }

    static func decodeKey(_ bytes: [UInt8]) throws -> [Value] {
        var reader = ByteReader(0..<bytes.count, reading: "conflict")
        return try reader.values(bytes.span)
    }

    /// The value before, as the column `base` holds it.
    package static func encode(_ base: ConflictBase) -> [UInt8] {
        var out = ByteWriter()
        switch base {
        case .cell(let value):
            out.byte(1)
            out.cell(value)
        case .row(nil): out.byte(2)
        case .row(let row?):
            out.byte(3)
            out.varint(row.count)
            for value in row { out.cell(value) }
        }
        return out.bytes
    }

    static func decodeBase(_ bytes: [UInt8]) throws -> ConflictBase {
        let span = bytes.span
        var reader = ByteReader(0..<bytes.count, reading: "conflict")
        switch try reader.byte(span) {
        case 1: return .cell(try reader.cell(span).value(in: span))
        case 2: return .row(nil)
        case 3: return .row(try reader.values(span))
        default: throw reader.refuse("a base of unknown form")
        }
    }

    /// Decisions that were taken back, as the column `earlier` holds them; empty when there are none.
    package static func encode(_ decisions: [Decision]) -> [UInt8] {
        if decisions.isEmpty { return [] }
        var out = ByteWriter()
        out.varint(decisions.count)
        for decision in decisions {
            out.cell(.text(decision.by))
            out.varint(decision.atMs)
            out.cell(.text(decision.how))
            out.cell(decision.reason.map { .text($0) } ?? .null)
        }
        return out.bytes
    }

    static func decodeDecisions(_ bytes: [UInt8]) throws -> [Decision] {
        if bytes.isEmpty { return [] }
        let span = bytes.span
        var reader = ByteReader(0..<bytes.count, reading: "conflict")
        func text(_ cell: CellView) -> String? {
            guard case .text(let text) = cell.value(in: span) else { return nil }
            return String(decoding: text, as: UTF8.self)
        }
        let count = try reader.count(span, of: "decisions", atMost: Limits.vectorComponents)
        var decisions: [Decision] = []
        for _ in 0..<count {
            let by = text(try reader.cell(span)) ?? ""
            let atMs = try reader.varint(span)
            let how = text(try reader.cell(span)) ?? ""
            decisions.append(Decision(by: by, atMs: atMs, how: how, reason: text(try reader.cell(span))))
        }
        return decisions
    }

    package static func encode(_ sides: [ConflictSide]) -> [UInt8] {
        var out = ByteWriter()
        out.varint(sides.count)
        for side in sides { out.side(side) }
        return out.bytes
    }

    static func decodeSides(_ bytes: [UInt8]) throws -> [ConflictSide] {
        let span = bytes.span
        var reader = ByteReader(0..<bytes.count, reading: "conflict")
        let count = try reader.count(span, of: "sides", atMost: Limits.vectorComponents)
        var sides: [ConflictSide] = []
        for _ in 0..<count { sides.append(try reader.side(span)) }
        return sides
    }
}

extension ByteWriter {
    /// Dot, HLC, position, then what is there: 1 a value, 2 a row (or its absence), 4 a key of its own, 8 the number of
    /// a table of its own.
    fileprivate mutating func side(_ side: ConflictSide) {
        varint(UInt64(side.dot.replica))
        varint(side.dot.seq)
        fixed64(side.hlc)
        varint(side.position)
        byte(
            (side.value == nil ? 0 : 1) | (side.row == nil ? 0 : 2) | (side.key == nil ? 0 : 4)
                | (side.table == nil ? 0 : 8))
        if let value = side.value { cell(value) }
        if let row = side.row {
            varint(row.count)
            for (column, value) in row.sorted(by: { $0.key < $1.key }) {
                varint(column)
                cell(value)
            }
        }
        if let key = side.key {
            varint(key.count)
            for value in key { cell(value) }
        }
        if let table = side.table { varint(table) }
    }
}

extension ByteReader {
    package mutating func values(_ bytes: Span<UInt8>) throws(CodecError) -> [Value] {
        let count = try count(bytes, of: "values", atMost: Limits.columnsPerBlock)
        var values: [Value] = []
        for _ in 0..<count { values.append(try cell(bytes).value(in: bytes)) }
        return values
    }

    fileprivate mutating func side(_ bytes: Span<UInt8>) throws(CodecError) -> ConflictSide {
        let dot = Dot(replica: try uint32(bytes, of: "a replica number"), seq: try varint(bytes))
        let hlc = try fixed64(bytes)
        let position = try varint(bytes)
        let parts = try byte(bytes)
        let value = parts & 1 != 0 ? try cell(bytes).value(in: bytes) : nil
        var row: [Int: Value]?
        if parts & 2 != 0 {
            let count = try count(bytes, of: "columns", atMost: Limits.columnsPerBlock)
            var cells: [Int: Value] = [:]
            for _ in 0..<count {
                let column = try self.count(bytes, of: "columns", atMost: Limits.columnsPerBlock)
                cells[column] = try cell(bytes).value(in: bytes)
            }
            row = cells
        }
        let key = parts & 4 != 0 ? try values(bytes) : nil
        let table = parts & 8 != 0 ? try self.count(bytes, of: "tables", atMost: Int(UInt32.max)) : nil
        return ConflictSide(dot: dot, hlc: hlc, position: position, value: value, row: row, key: key, table: table)
    }
}
