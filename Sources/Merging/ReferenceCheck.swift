import Replication
import SQLite
import TableModel

/// Whether the foreign keys of the rows that a change set touched hold, asked through indexes after it was applied. (The
/// applying connection has foreign_keys off, for SQLite would fire cascades that nobody sees.)
package struct ReferenceCheck {
    package let access: TableAccess
    /// Rows that others have seen to.
    private var leaving: OrdinalSteps
    private var ordinal: UInt32 = 0
    /// Rows that lost their parent or left a child without one, or for which the question needs a closer look.
    package private(set) var refused: [UInt32] = []

    package init(access: TableAccess, leaving: [UInt32] = []) {
        self.access = access
        self.leaving = OrdinalSteps(leaving)
    }

    /// Looks at the next segment.
    package mutating func check(_ segment: Segment) throws {
        for block in segment.blocks {
            let table = try access.table(block.kind.table, "checking a change set's references")
            let first = ordinal
            if block.kind.operation.isKeyOnly {
                try children(block, table, segment.bytes)
            } else if table.movesParents(block.kind) {
                for ordinal in first..<first + UInt32(block.rowCount) where !leaving.takes(ordinal) {
                    refused.append(ordinal)
                }
            } else {
                try parents(block, table, segment.bytes)
            }
            let end = first + UInt32(block.rowCount)
            // Rows that nothing had to be asked about are passed over.
            for ordinal in self.ordinal..<max(self.ordinal, end) { _ = leaving.takes(ordinal) }
            ordinal = end
        }
    }

    private mutating func parents(_ block: Block, _ table: TableLayout, _ bytes: [UInt8]) throws {
        let touched = try table.references.filter { reference in
            block.kind.operation.isWholeRow
                || reference.childColumns.contains { column in
                    table.dataColumns.firstIndex(of: column).map { block.kind.columns.contains($0) } ?? false
                }
        }.map { try Question(access, table, block, parentsOf: $0) }
        if touched.isEmpty { return }
        let span = bytes.span
        var cursor = RowCursor(block)
        try bytes.withUnsafeBytes { raw in
            defer { for question in touched { question.statement.clearBindings() } }
            while cursor.next(span) {
                defer { ordinal += 1 }
                if leaving.takes(ordinal) { continue }
                for question in touched where try question.isAnswered(cursor, raw.baseAddress!, span) == false {
                    refused.append(ordinal)
                    break
                }
            }
        }
    }

    private mutating func children(_ block: Block, _ table: TableLayout, _ bytes: [UInt8]) throws {
        if table.referencedBy.isEmpty { return }
        let span = bytes.span
        var cursor = RowCursor(block)
        while cursor.nextKey(span) {
            defer { ordinal += 1 }
            if leaving.takes(ordinal) { continue }
            let key = cursor.key.map { $0.value(in: span) }
            for reference in table.referencedBy {
                let places = reference.parentColumns.map { table.keyColumns.firstIndex(of: $0) }
                // What children referred to by other columns is not known any more.
                if try places.contains(nil)
                    || !access.children(reference, places.map { key[$0!] }, limit: 1).isEmpty
                {
                    refused.append(ordinal)
                    break
                }
            }
        }
    }
}

/// Whether the parent of a row is there, for the rows of one block.
private struct Question {
    let statement: Statement
    private let access: TableAccess
    private let table: TableLayout
    /// Where each value of the reference is: in the key, among the block's cells, or only in the table.
    private let places: [Place]

    private enum Place {
        case key(Int)
        case cell(Int)
        case table(Int)
    }

    init(
        _ access: TableAccess, _ table: TableLayout, _ block: Block, parentsOf reference: TableLayout.Reference
    ) throws {
        self.access = access
        self.table = table
        places = reference.childColumns.map { column in
            if let index = table.keyColumns.firstIndex(of: column) { return .key(index) }
            let data = table.dataColumns.firstIndex(of: column)!
            return block.kind.columns.firstIndex(of: data).map { .cell($0) } ?? .table(data)
        }
        let parent = try access.table(reference.parent, "checking a change set's references")
        statement = try access.connection.prepare(access.rowsSQL(parent, reference.parentColumns, limit: 1))
    }

    /// True when the parent is there, or when the row refers to none (a NULL among the values).
    /// https://www.sqlite.org/foreignkeys.html#fk_basics
    func isAnswered(_ cursor: borrowing RowCursor, _ base: UnsafeRawPointer, _ span: Span<UInt8>) throws -> Bool {
        for (offset, place) in places.enumerated() {
            let index = Int32(offset + 1)
            switch place {
            case .key(let key): try statement.bind(cursor.key[key], of: base, at: index)
            case .cell(let cell):
                if cursor.cells[cell] == .null { return true }
                try statement.bind(cursor.cells[cell], of: base, at: index)
            case .table(let column):
                let value = try access.cells(table, cursor.key.map { $0.value(in: span) }, [column])?[0] ?? .null
                if value == .null { return true }
                try statement.bind(value, at: index)
            }
        }
        defer { statement.reset() }
        return try statement.step()
    }
}
