import SQLite

/// Why a schema, a table or a file cannot be taken, said so that the reader can act on it.
package struct Refusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was being done, for instance "create a fleet database".
    package let doing: String
    /// What it is about: a table, a column, a file and line.
    package let what: String
    /// The reason.
    package let why: String
    /// What to do about it.
    package let hint: String

    package init(doing: String, what: String, why: String, hint: String) {
        self.doing = doing
        self.what = what
        self.why = why
        self.hint = hint
    }

    package var description: String { "cannot \(doing): \(what): \(why). \(hint)" }
}

/// What the Schema and Capture chapters throw. Row values appear in neither.
package enum SchemaError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The request cannot be met; trying again does not help before something is changed.
    case refused(Refusal)
    /// SQLite failed.
    case database(SQLiteError)

    package var description: String {
        switch self {
        case .refused(let refusal): refusal.description
        case .database(let error): error.description
        }
    }

    /// The refusal, when it is one.
    package var refusal: Refusal? {
        if case .refused(let refusal) = self { refusal } else { nil }
    }
}

/// Runs SQLite calls where the Schema chapter's error is thrown.
package func inDatabase<T>(_ body: () throws(SQLiteError) -> T) throws(SchemaError) -> T {
    do { return try body() } catch { throw SchemaError.database(error) }
}
