import CSQLite

/// How a database file is opened.
package enum OpenMode: Sendable {
    /// Read and write an existing file; a missing one is an error.
    case readWrite
    /// Read and write, and make the file when it is missing.
    case create
    /// Read only.
    case readOnly

    var flags: Int32 {
        switch self {
        case .readWrite: SQLITE_OPEN_READWRITE
        case .create: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        case .readOnly: SQLITE_OPEN_READONLY
        }
    }
}

/// One connection to one database file. It is used by one thread at a time (it is not Sendable and SQLite's
/// own mutex is off), usually by an actor that runs on a `DatabaseExecutor`.
///
///     let database = try Connection(path: "/srv/site.db", mode: .readWrite, busyTimeoutMs: 5000)
///     let one = try database.cached("SELECT name FROM site WHERE number = ?")
///     try one.bind(at: 1, integer: 7)
///     while try one.step() { print(one.string(0)) }
package final class Connection {
    /// The path it was opened with.
    package let path: String
    private var handle: OpaquePointer?
    private var cache: [String: Statement] = [:]
    private let interruptTarget: InterruptHandle

    /// Opens the file with extended result codes and waits up to `busyTimeoutMs` for other writers' locks.
    package init(path: String, mode: OpenMode, busyTimeoutMs: Int32) throws(SQLiteError) {
        var opened: OpaquePointer?
        let flags = mode.flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK, let opened else {
            let message = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(opened)
            throw SQLiteError(code: code, message: message, doing: "open \(path)")
        }
        sqlite3_busy_timeout(opened, busyTimeoutMs)
        self.path = path
        self.handle = opened
        self.interruptTarget = InterruptHandle(opened)
    }

    deinit { close() }

    /// Closes the file. Statements still alive keep working until they are released; calls on the connection
    /// itself after this are a bug.
    package func close() {
        guard let open = handle else { return }
        cache.removeAll()
        interruptTarget.forget()
        handle = nil
        sqlite3_close_v2(open)
    }

    /// The open handle.
    var database: OpaquePointer {
        guard let handle else { preconditionFailure("the connection to \(path) is closed") }
        return handle
    }

    // MARK: Statements

    /// Compiles the one statement in `sql`.
    package func prepare(_ sql: String) throws(SQLiteError) -> Statement {
        try compile(sql, persistent: false)
    }

    /// The statement for this text, compiled once per connection and handed out reset and with its bindings
    /// cleared. So two uses of one text must not be interleaved: `prepare` is for that.
    package func cached(_ sql: String) throws(SQLiteError) -> Statement {
        if let known = cache[sql] {
            known.reset()
            known.clearBindings()
            return known
        }
        let made = try compile(sql, persistent: true)
        cache[sql] = made
        return made
    }

    /// Forgets every cached statement, which SQLite asks for before some schema changes.
    package func clearCache() { cache.removeAll() }

    private func compile(_ sql: String, persistent: Bool) throws(SQLiteError) -> Statement {
        var compiled: OpaquePointer?
        let flags = persistent ? UInt32(SQLITE_PREPARE_PERSISTENT) : 0
        let code = sqlite3_prepare_v3(database, sql, -1, flags, &compiled, nil)
        guard code == SQLITE_OK else { throw failure(code, doing: sql) }
        guard let compiled else {
            throw SQLiteError(code: SQLITE_MISUSE, message: "there is no statement in this text", doing: sql)
        }
        return Statement(compiled)
    }

    /// Runs every statement of `sql`, one after the other; rows they return are passed over.
    package func execute(_ sql: String) throws(SQLiteError) {
        let code = sqlite3_exec(database, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(code, doing: sql) }
    }

    /// Compiles the statements of `sql` one by one and hands each to `body` before the next is compiled, with
    /// the place of its first byte. Comments and white space between statements are part of the one that
    /// follows. An error of `body` ends the walk.
    package func forEachStatement(
        in sql: String, _ body: (_ statement: Statement, _ offset: Int) throws -> Void
    ) throws {
        var text = Array(sql.utf8)
        if let zero = text.firstIndex(of: 0) {
            throw SQLiteError(
                code: SQLITE_ERROR, message: "the text holds a NUL character at byte \(zero)",
                doing: "compile")
        }
        text.append(0)
        var offset = 0
        while offset < text.count - 1 {
            var compiled: OpaquePointer?
            var consumed = 0
            let code = text.withUnsafeBytes { bytes in
                let start = bytes.baseAddress!.advanced(by: offset).assumingMemoryBound(to: CChar.self)
                var tail: UnsafePointer<CChar>?
                let code = sqlite3_prepare_v3(
                    database, start, Int32(clamping: bytes.count - offset), 0, &compiled, &tail)
                consumed = tail.map { $0 - start } ?? 0
                return code
            }
            guard code == SQLITE_OK else {
                let place = Int(sqlite3_error_offset(database))
                throw StatementFailure(
                    offset: offset, place: place < 0 ? nil : offset + place, failure(code, doing: "compile"))
            }
            guard let compiled else { return }
            let statement = Statement(compiled)
            try body(statement, offset)
            statement.finalize()
            offset += consumed
        }
    }

    /// The first column of the first row, or nil when there is no row or it is NULL.
    package func firstInteger(_ sql: String) throws(SQLiteError) -> Int64? {
        let statement = try prepare(sql)
        guard try statement.step(), statement.type(0) != .null else { return nil }
        return statement.integer(0)
    }

    /// The first column of the first row as text, or nil when there is no row or it is NULL.
    package func firstString(_ sql: String) throws(SQLiteError) -> String? {
        let statement = try prepare(sql)
        guard try statement.step(), statement.type(0) != .null else { return nil }
        return statement.string(0)
    }

    /// What the schema says about one column beyond its name: the declared type, the collation, whether it is
    /// AUTOINCREMENT. https://www.sqlite.org/c3ref/table_column_metadata.html
    package func columnMetadata(
        table: String, column: String
    ) throws(SQLiteError) -> (declaredType: String, collation: String, isAutoincrement: Bool) {
        var type: UnsafePointer<CChar>?
        var collation: UnsafePointer<CChar>?
        var increments: Int32 = 0
        let code = sqlite3_table_column_metadata(
            database, "main", table, column, &type, &collation, nil, nil, &increments)
        guard code == SQLITE_OK else { throw failure(code, doing: "column metadata") }
        return (
            type.map { String(cString: $0) } ?? "", collation.map { String(cString: $0) } ?? "BINARY",
            increments != 0
        )
    }

    // MARK: State

    /// Rows inserted, updated or deleted by the last statement, without those by triggers and cascades.
    package var changes: Int64 { sqlite3_changes64(database) }
    /// Rows changed since the connection was opened, with those by triggers and cascades.
    package var totalChanges: Int64 { sqlite3_total_changes64(database) }
    /// The rowid of the last row inserted.
    package var lastInsertRowid: Int64 { sqlite3_last_insert_rowid(database) }
    /// True inside a transaction.
    package var isInTransaction: Bool { sqlite3_get_autocommit(database) == 0 }

    /// A number that changes when *another* connection has committed.
    /// https://www.sqlite.org/pragma.html#pragma_data_version
    package func dataVersion() throws(SQLiteError) -> Int64 {
        let statement = try cached("PRAGMA data_version")
        _ = try statement.step()
        defer { statement.reset() }
        return statement.integer(0)
    }

    /// Lets the triggers of the schema fire for this connection, or not. Foreign key actions are not triggers
    /// and go on. https://www.sqlite.org/c3ref/c_dbconfig_defensive.html#sqlitedbconfigenabletrigger
    package func setTriggersEnabled(_ enabled: Bool) throws(SQLiteError) {
        let now = samband_set_triggers(database, enabled ? 1 : 0)
        guard now == (enabled ? 1 : 0) else {
            throw SQLiteError(code: -now, message: "triggers could not be switched", doing: "set triggers")
        }
    }

    /// Closing this connection does not write the log back, not even as the last one: the file stays as it is.
    /// https://www.sqlite.org/c3ref/c_dbconfig_defensive.html#sqlitedbconfignockptonclose
    package func keepLogOnClose() throws(SQLiteError) {
        let code = samband_keep_log_on_close(database)
        guard code == SQLITE_OK else { throw failure(code, doing: "keep the log on close") }
    }

    /// Ends whatever this connection is running with SQLITE_INTERRUPT.
    package func interrupt() { sqlite3_interrupt(database) }

    /// The same for other threads: safe to keep and to call at any time, also after `close()`.
    package var interruptHandle: InterruptHandle { interruptTarget }

    /// What SQLite says about its last failure on this connection.
    func failure(_ code: Int32, doing: String) -> SQLiteError {
        SQLiteError(code: code, message: String(cString: sqlite3_errmsg(database)), doing: doing)
    }
}

/// A statement of a longer text that does not compile.
package struct StatementFailure: Error {
    /// The place of the statement's first byte.
    package let offset: Int
    /// The place that SQLite's message is about, when it is about one.
    package let place: Int?
    package let error: SQLiteError

    init(offset: Int, place: Int?, _ error: SQLiteError) {
        self.offset = offset
        self.place = place
        self.error = error
    }
}
