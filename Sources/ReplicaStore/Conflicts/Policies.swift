import Replication
import SQLite

/// How conflicts about a column or a table settle.
package enum Policy: String, Sendable {
    /// The newest shows, the conflict stays open for a person.
    case manual
    /// The newest shows, and that settles it; what lost is recorded.
    case newest
}

/// The policies of a fleet, as its migrations wrote them into `samband_policy`.
struct Policies {
    private var byColumn: [Int: [Int?: Policy]] = [:]

    init(_ connection: Connection, _ tables: [TableLayout]) throws {
        let statement = try connection.prepare("SELECT table_name, column_name, policy FROM samband_policy")
        while try statement.step() {
            let name = statement.string(0).lowercased()
            guard let table = tables.first(where: { $0.name.lowercased() == name }),
                let policy = Policy(rawValue: statement.string(2))
            else { continue }
            let column = statement.type(1) == .null ? nil : statement.string(1).lowercased()
            let index = column.flatMap { column in table.dataColumns.firstIndex { $0.lowercased() == column } }
            if column == nil || index != nil { byColumn[table.number, default: [:]][index] = policy }
        }
    }

    /// The policy of a column (or of the table as a whole), by default `manual`.
    func policy(_ table: Int, _ column: Int?) -> Policy {
        let policies = byColumn[table]
        return policies?[column] ?? policies?[nil] ?? .manual
    }
}
