import SQLite

/// One SQL file of a schema: its name, for messages, and its text.
package struct Migration: Sendable, Equatable {
    package let name: String
    package let sql: String

    package init(name: String, sql: String) {
        self.name = name
        self.sql = sql
    }

    /// Statements that would end the transaction in which all files run, or reach outside the database.
    private static let refused: [String: String] = [
        "BEGIN": "samband runs all files in one transaction of its own",
        "COMMIT": "samband runs all files in one transaction of its own",
        "END": "samband runs all files in one transaction of its own",
        "ROLLBACK": "samband runs all files in one transaction of its own",
        "SAVEPOINT": "samband runs all files in one transaction of its own",
        "RELEASE": "samband runs all files in one transaction of its own",
        "ATTACH": "a schema has one database only",
        "DETACH": "a schema has one database only",
        "VACUUM": "it cannot run inside a transaction",
        "PRAGMA": "pragmas are not replicated, and samband sets those it needs",
    ]

    /// Runs the statements one by one inside the caller's transaction. A failure names the file, the line and
    /// the number of the statement, and what SQLite says without any value of a row.
    package func run(in database: Connection) throws(SchemaError) {
        var number = 0
        var place = 0
        do {
            try database.forEachStatement(in: sql) { statement, offset in
                number += 1
                place = firstToken(from: offset) ?? offset
                try checkAllowed(at: offset, number: number)
                try statement.run()
            }
        } catch let refusal as Refusal {
            throw SchemaError.refused(refusal)
        } catch let failure as StatementFailure {
            number += 1
            try refuseIfForbidden(at: failure.offset, number: number)
            throw failed(
                at: failure.place ?? firstToken(from: failure.offset) ?? failure.offset, number: number,
                why: compileMessage(failure),
                hint: "Correct the statement and run the command again; nothing was changed.")
        } catch let error as SQLiteError {
            throw failed(
                at: place, number: number, why: error.message,
                hint: "Correct the schema or its data and run the command again; nothing was changed.")
        } catch {
            throw failed(at: place, number: number, why: "it failed", hint: "Nothing was changed.")
        }
    }

    private func refuseIfForbidden(at offset: Int, number: Int) throws(SchemaError) {
        do { try checkAllowed(at: offset, number: number) } catch { throw SchemaError.refused(error) }
    }

    private func checkAllowed(at offset: Int, number: Int) throws(Refusal) {
        let word = firstWord(from: offset)
        guard let why = Migration.refused[word] else { return }
        throw refusal(
            at: firstToken(from: offset) ?? offset, number: number,
            why: "\(word) is not allowed here: \(why)",
            hint: "Remove the statement.")
    }

    private func failed(at place: Int, number: Int, why: String, hint: String) -> SchemaError {
        SchemaError.refused(refusal(at: place, number: number, why: why, hint: hint))
    }

    private func refusal(at place: Int, number: Int, why: String, hint: String) -> Refusal {
        let line = sql.utf8.prefix(place).count { $0 == 0x0a } + 1
        return Refusal(
            doing: "run the schema", what: "\(name), line \(line) (statement \(number))", why: why, hint: hint
        )
    }

    private func firstToken(from offset: Int) -> Int? {
        SQLTokens.next(in: Array(sql.utf8), from: offset)?.range.lowerBound
    }

    private func firstWord(from offset: Int) -> String {
        let bytes = Array(sql.utf8)
        guard let token = SQLTokens.next(in: bytes, from: offset), token.kind == .word else { return "" }
        return String(decoding: bytes[token.range], as: UTF8.self).uppercased()
    }

    /// SQLite quotes a piece of the text it cannot read, and in a statement with data that piece may be a
    /// value. There only the kind of error is told; the line says where.
    private func compileMessage(_ failure: StatementFailure) -> String {
        let message = failure.error.message
        let hasData = !["CREATE", "ALTER", "DROP"].contains(firstWord(from: failure.offset))
        if message.hasSuffix(": syntax error"), hasData { return "syntax error" }
        if message.hasPrefix("unrecognized token") { return "unrecognized token" }
        guard hasData, let colon = message.firstIndex(of: ":") else { return message }
        return message.hasPrefix("no such table") ? message : String(message[..<colon])
    }
}
