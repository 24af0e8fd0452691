import CSQLite

/// Transactions and savepoints. The closures roll back when they throw; the explicit calls are for code that
/// decides in the middle.
extension Connection {
    /// Runs `body` between BEGIN and COMMIT. An error of `body` or of COMMIT rolls back and goes on to the
    /// caller. `immediate` takes the write lock at once, so that no later statement can fail for want of it.
    package func transaction<T>(immediate: Bool = true, _ body: () throws -> T) throws -> T {
        try begin(immediate: immediate)
        do {
            let result = try body()
            try commit()
            return result
        } catch {
            rollback()
            throw error
        }
    }

    /// Starts a transaction.
    package func begin(immediate: Bool = true) throws(SQLiteError) {
        try cached(immediate ? "BEGIN IMMEDIATE" : "BEGIN").run()
    }

    /// Commits. When it fails (a deferred foreign key, a busy reader) the transaction is still open.
    package func commit() throws(SQLiteError) { try cached("COMMIT").run() }

    /// Rolls back if a transaction is open; some errors have already done so by themselves.
    /// https://www.sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction
    package func rollback() {
        // A ROLLBACK that fails leaves nothing to roll back: the file is untouched until COMMIT.
        if isInTransaction { try? execute("ROLLBACK") }
    }

    /// Runs `body` inside a savepoint: an error takes back only what `body` did.
    package func savepoint<T>(_ name: String, _ body: () throws -> T) throws -> T {
        try beginSavepoint(name)
        do {
            let result = try body()
            try release(name)
            return result
        } catch {
            if isInTransaction {
                // The outer transaction must not go on with half of `body`: if this fails, so will its COMMIT.
                try rollback(to: name)
                try release(name)
            }
            throw error
        }
    }

    /// Opens a savepoint; outside a transaction it starts one.
    package func beginSavepoint(_ name: String) throws(SQLiteError) {
        try cached("SAVEPOINT \(quote(identifier: name))").run()
    }

    /// Takes back everything since the savepoint, which stays open.
    package func rollback(to name: String) throws(SQLiteError) {
        try cached("ROLLBACK TO \(quote(identifier: name))").run()
    }

    /// Closes the savepoint and keeps what was done in it.
    package func release(_ name: String) throws(SQLiteError) {
        try cached("RELEASE \(quote(identifier: name))").run()
    }
}
