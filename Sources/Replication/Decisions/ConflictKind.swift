/// What a conflict is about. The raw value is what the command line shows.
package enum ConflictKind: String, Hashable, Sendable, CaseIterable {
    case insert
    case cell
    case deleteUpdate = "delete_update"
    case unique
    case foreignKey = "foreign_key"
    case check
    case scope
    case invalid

    /// True when a row of it is withheld.
    package var withholds: Bool {
        switch self {
        case .insert, .cell, .deleteUpdate: false
        case .unique, .foreignKey, .check, .scope, .invalid: true
        }
    }
}
