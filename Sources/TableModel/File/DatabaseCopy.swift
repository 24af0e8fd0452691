import SQLite

/// Copies one state of a database file, whoever writes it meanwhile.
///
/// The file is not opened read-only, though it is only read: of such a file SQLite reads no CHECK constraint, while the
/// copy has them. Then it takes the two tables for different ones and copies row by row, which fails beside a generated
/// column ("table t has 3 columns but 4 values were supplied"). Nor may a read-only connection roll back what a program
/// that was killed has left (SQLITE_READONLY_ROLLBACK). Where the file may only be read, SQLite opens it so by itself.
package enum DatabaseCopy {
    /// Told of each connection that is worked on, to interrupt it from another thread; what it throws ends the work.
    package typealias OnConnection = (InterruptHandle) throws(StoreError) -> Void

    /// VACUUM INTO reads one state of the database, keeps no writer waiting, and leaves no trace of rows that were
    /// deleted from it. https://www.sqlite.org/lang_vacuum.html
    ///
    /// - Parameter path: no file yet, or an empty one.
    package static func make(
        of file: String, at path: String, onConnection: OnConnection = { _ in }
    ) throws {
        let source = try open(file)
        defer { source.close() }
        try onConnection(source.interruptHandle)
        let statement = try source.prepare("VACUUM INTO ?1")
        try statement.bind(at: 1, text: path)
        try statement.run()
    }

    /// Opens a file to be read: it waits for programs that write, and leaves the file as it found it.
    package static func open(_ file: String) throws(SQLiteError) -> Connection {
        let connection = try Connection(path: file, mode: .readWrite, busyTimeoutMs: ReplicaFile.startPatienceMs)
        try connection.keepLogOnClose()
        return connection
    }
}
