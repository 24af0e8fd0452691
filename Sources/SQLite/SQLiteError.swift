import CSQLite

/// What SQLite answered when something failed: the extended result code, the statement or call, and SQLite's
/// own message. The message names tables and columns, never a value of a row.
/// https://www.sqlite.org/rescode.html
package struct SQLiteError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The extended result code, for instance 2067 for SQLITE_CONSTRAINT_UNIQUE.
    package let code: Int32
    /// SQLite's message for the connection at that moment.
    package let message: String
    /// The SQL text or the call that failed.
    package let doing: String

    package init(code: Int32, message: String, doing: String) {
        self.code = code
        self.message = message
        self.doing = doing
    }

    /// The primary result code: the low byte of the extended one.
    package var primaryCode: Int32 { code & 0xff }
    /// True when a constraint of the schema refused the statement.
    package var isConstraint: Bool { primaryCode == SQLITE_CONSTRAINT }
    /// True when the row is what was refused: by a constraint, or because an expression of the schema (a CHECK, an
    /// index) cannot be worked out for it, as `abs` of the least integer.
    package var isOfRow: Bool {
        switch primaryCode {
        case SQLITE_CONSTRAINT, SQLITE_TOOBIG, SQLITE_MISMATCH: true
        // A missing table or column is told by the same code.
        case SQLITE_ERROR: !message.hasPrefix("no such ") && !message.contains("has no column")
        default: false
        }
    }
    /// True for UNIQUE and PRIMARY KEY, rowid included.
    package var isUnique: Bool {
        code == 2067 || code == 1555 || code == 2579
    }
    /// True when another connection holds the lock: the same call may succeed later.
    package var isBusy: Bool { primaryCode == SQLITE_BUSY || primaryCode == SQLITE_LOCKED }

    package var description: String { "\(message) (SQLite \(code)) while running: \(doing)" }
}
