import CSQLite

/// The type of a value as SQLite stores it. https://www.sqlite.org/datatype3.html#storage_classes_and_datatypes
package enum StorageClass: Int32, Sendable {
    case integer = 1
    case real = 2
    case text = 3
    case blob = 4
    case null = 5
}

/// A compiled statement. Parameters count from 1, columns from 0, as in SQLite.
///
/// Text and blobs are bytes: a NUL inside a text and bytes that are no UTF-8 pass through unchanged.
package final class Statement {
    private var handle: OpaquePointer?

    init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { finalize() }

    /// Releases the statement now; a later call on it is a bug.
    func finalize() {
        sqlite3_finalize(handle)
        handle = nil
    }

    private var statement: OpaquePointer {
        guard let handle else { preconditionFailure("the statement is finalized") }
        return handle
    }

    /// The SQL text it was compiled from.
    package var sql: String { String(cString: sqlite3_sql(statement)) }
    /// True when it cannot change the database file.
    package var isReadOnly: Bool { sqlite3_stmt_readonly(statement) != 0 }

    // MARK: Running

    /// Goes to the next row: true when there is one, false at the end. After an error the statement is reset.
    package func step() throws(SQLiteError) -> Bool {
        let code = sqlite3_step(statement)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE { return false }
        let error = failure(code)
        sqlite3_reset(statement)
        throw error
    }

    /// Runs to the end and resets; the bindings stay.
    package func run() throws(SQLiteError) {
        while try step() {}
        sqlite3_reset(statement)
    }

    /// What `read` makes of each row, in their order; then it is reset. The bindings stay.
    package func rows<T>(_ read: (Statement) throws -> T) throws -> [T] {
        defer { reset() }
        var found: [T] = []
        while try step() { found.append(try read(self)) }
        return found
    }

    /// Makes it ready to run again. The bindings stay.
    package func reset() { sqlite3_reset(statement) }

    /// Sets every parameter to NULL.
    package func clearBindings() { sqlite3_clear_bindings(statement) }

    // MARK: Binding

    package func bind(at index: Int32, integer value: Int64) throws(SQLiteError) {
        try check(sqlite3_bind_int64(statement, index, value))
    }

    /// A NaN is stored as NULL: SQLite has no NaN.
    package func bind(at index: Int32, real value: Double) throws(SQLiteError) {
        try check(sqlite3_bind_double(statement, index, value))
    }

    package func bindNull(at index: Int32) throws(SQLiteError) {
        try check(sqlite3_bind_null(statement, index))
    }

    package func bind(at index: Int32, text value: [UInt8]) throws(SQLiteError) {
        let size = try length(value.count)
        let code = value.withUnsafeBytes {
            samband_bind_text_copy(statement, index, $0.baseAddress ?? emptyBytes, size)
        }
        try check(code)
    }

    package func bind(at index: Int32, text value: String) throws(SQLiteError) {
        try bind(at: index, text: Array(value.utf8))
    }

    /// An empty array is a blob of no bytes, not NULL.
    package func bind(at index: Int32, blob value: [UInt8]) throws(SQLiteError) {
        let size = try length(value.count)
        let code = value.withUnsafeBytes {
            samband_bind_blob_copy(statement, index, $0.baseAddress ?? emptyBytes, size)
        }
        try check(code)
    }

    /// Binds text without a copy: the bytes must stay where they are until the statement has been reset *and*
    /// bound anew or cleared.
    package func bindText(at index: Int32, static bytes: UnsafeRawPointer, count: Int) throws(SQLiteError) {
        try check(samband_bind_text_static(statement, index, bytes, try length(count)))
    }

    /// The same for a blob; a count of 0 is a blob of no bytes.
    package func bindBlob(at index: Int32, static bytes: UnsafeRawPointer, count: Int) throws(SQLiteError) {
        try check(samband_bind_blob_static(statement, index, bytes, try length(count)))
    }

    /// How many parameters the statement has.
    package var parameterCount: Int32 { sqlite3_bind_parameter_count(statement) }

    // MARK: Reading the current row

    package var columnCount: Int32 { sqlite3_column_count(statement) }

    /// The name of a result column, as AS gives it.
    package func columnName(_ index: Int32) -> String {
        sqlite3_column_name(statement, index).map { String(cString: $0) } ?? ""
    }

    /// The storage class of the value. Ask before `string` or `bytes` of a number, which convert it.
    package func type(_ index: Int32) -> StorageClass {
        StorageClass(rawValue: sqlite3_column_type(statement, index)) ?? .null
    }

    package func integer(_ index: Int32) -> Int64 { sqlite3_column_int64(statement, index) }

    package func real(_ index: Int32) -> Double { sqlite3_column_double(statement, index) }

    /// The value as text; bytes that are no UTF-8 come out as U+FFFD. Exact text is in `bytes`.
    package func string(_ index: Int32) -> String {
        withBytes(index) { String(decoding: $0, as: UTF8.self) }
    }

    /// The bytes of a text (UTF-8) or a blob.
    package func bytes(_ index: Int32) -> [UInt8] { withBytes(index) { [UInt8]($0) } }

    /// The bytes of a text (UTF-8) or a blob where SQLite keeps them: gone at the next `step` or `reset`.
    package func withBytes<T, E: Error>(
        _ index: Int32, _ body: (UnsafeRawBufferPointer) throws(E) -> T
    ) throws(E) -> T {
        // The count first: it converts a UTF-16 text, after which column_blob gives the same bytes without the
        // copy that column_text makes for its NUL terminator. https://www.sqlite.org/c3ref/column_blob.html
        let count = Int(sqlite3_column_bytes(statement, index))
        return try body(UnsafeRawBufferPointer(start: sqlite3_column_blob(statement, index), count: count))
    }

    // MARK: Failure

    private func check(_ code: Int32) throws(SQLiteError) {
        if code != SQLITE_OK { throw failure(code) }
    }

    private func length(_ count: Int) throws(SQLiteError) -> Int32 {
        guard let size = Int32(exactly: count) else {
            throw SQLiteError(code: SQLITE_TOOBIG, message: "string or blob too big", doing: sql)
        }
        return size
    }

    private func failure(_ code: Int32) -> SQLiteError {
        let message = String(cString: sqlite3_errmsg(sqlite3_db_handle(statement)))
        return SQLiteError(code: code, message: message, doing: sql)
    }
}

/// A place to point at for no bytes: a null pointer would bind NULL.
// nonisolated(unsafe): written once, never changed, never freed.
private nonisolated(unsafe) let emptyBytes = UnsafeRawPointer(
    UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1))
