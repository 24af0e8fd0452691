import Replication

/// The identity of a row as the simulation reckons it, apart from the code under test: the table's place in the
/// catalogue and the key folded the way SQLite compares it.
package struct RowIdentity: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let table: Int
    package let text: String

    package init(table: Int, collations: [Collation], key: [Value]) {
        self.table = table
        text = zip(key, collations).map { folded($0, $1) }.joined(separator: "|")
    }

    package var description: String { "\(table)/\(text)" }

    package static func < (a: RowIdentity, b: RowIdentity) -> Bool {
        a.table != b.table ? a.table < b.table : a.text < b.text
    }
}

private func folded(_ value: Value, _ collation: Collation) -> String {
    switch value {
    case .null: return "null"
    case .integer(let x): return "n\(x)"
    case .real(let x):
        // The simulation's reals are small: whole ones are the integer they equal.
        return x == x.rounded() && abs(x) < 1e15 ? "n\(Int64(x))" : "r\(x)"
    case .text(let bytes):
        var text = String(decoding: bytes, as: UTF8.self)
        if collation == .nocase { text = text.lowercased() }
        if collation == .rtrim { while text.last == " " { text.removeLast() } }
        return "t\(text)"
    case .blob(let bytes): return "b\(bytes)"
    }
}

/// A row as a table holds it.
package struct Row: Hashable, Sendable {
    package var key: [Value]
    package var data: [Value]

    package init(key: [Value], data: [Value]) {
        self.key = key
        self.data = data
    }
}

/// All replicated rows of one database.
package typealias Rows = [RowIdentity: Row]

extension Value {
    /// Small and legible, for a history that is printed.
    package var legible: String {
        switch self {
        case .null: "NULL"
        case .integer(let x): "\(x)"
        case .real(let x): "\(x)"
        case .text(let bytes): "'\(String(decoding: bytes, as: UTF8.self))'"
        case .blob(let bytes):
            "x'" + bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() + "'"
        }
    }
}
