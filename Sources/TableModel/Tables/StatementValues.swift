import Replication
import SQLite

extension Statement {
    /// A column as a value, exact in type and bytes.
    package func value(_ index: Int32) -> Value {
        switch type(index) {
        case .null: .null
        case .integer: .integer(integer(index))
        case .real: .real(real(index))
        case .text: .text(bytes(index))
        case .blob: .blob(bytes(index))
        }
    }

    /// `count` columns from `first` on.
    package func values(_ first: Int32, _ count: Int) -> [Value] {
        (0..<Int32(count)).map { value(first + $0) }
    }

    /// Binds a value with its exact type and bytes.
    package func bind(_ value: Value, at index: Int32) throws(SQLiteError) {
        switch value {
        case .null: try bindNull(at: index)
        case .integer(let x): try bind(at: index, integer: x)
        case .real(let x): try bind(at: index, real: x)
        case .text(let x): try bind(at: index, text: x)
        case .blob(let x): try bind(at: index, blob: x)
        }
    }

    package func bind(_ values: [Value], from first: Int32 = 1) throws(SQLiteError) {
        for (offset, value) in values.enumerated() { try bind(value, at: first + Int32(offset)) }
    }

    /// Binds a cell that lies in `bytes`, which must outlive the step: nothing is copied.
    package func bind(_ cell: CellView, of bytes: UnsafeRawPointer, at index: Int32) throws(SQLiteError) {
        switch cell {
        case .null: try bindNull(at: index)
        case .integer(let x): try bind(at: index, integer: x)
        case .real(let x): try bind(at: index, real: x)
        case .text(let range): try bindText(at: index, static: bytes + range.lowerBound, count: range.count)
        case .blob(let range): try bindBlob(at: index, static: bytes + range.lowerBound, count: range.count)
        }
    }

    package func bind(_ number: UInt64, at index: Int32) throws(SQLiteError) {
        try bind(at: index, integer: Int64(bitPattern: number))
    }

    package func unsigned(_ index: Int32) -> UInt64 { UInt64(bitPattern: integer(index)) }

    /// Appends a column to a section of a block.
    package func append(_ index: Int32, to section: inout ByteWriter) {
        switch type(index) {
        case .null: section.null()
        case .integer: section.integer(integer(index))
        case .real: section.real(real(index))
        case .text: withBytes(index) { section.text($0) }
        case .blob: withBytes(index) { section.blob($0) }
        }
    }
}
