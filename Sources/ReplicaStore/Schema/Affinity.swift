/// What a column does to a value that is stored in it. https://www.sqlite.org/datatype3.html#type_affinity
package enum Affinity: Sendable, Equatable {
    case text
    case numeric
    case integer
    case real
    /// Values stay as they are: BLOB, no type at all, or ANY in a STRICT table.
    case none

    /// The affinity of a declared type; the types of STRICT tables are exact names.
    package init(declaredType: String, isStrict: Bool) {
        let type = declaredType.uppercased()
        if isStrict, type == "ANY" {
            self = .none
        } else if type.contains("INT") {
            self = .integer
        } else if type.contains("CHAR") || type.contains("CLOB") || type.contains("TEXT") {
            self = .text
        } else if type.isEmpty || type.contains("BLOB") {
            self = .none
        } else if type.contains("REAL") || type.contains("FLOA") || type.contains("DOUB") {
            self = .real
        } else {
            self = .numeric
        }
    }
}
