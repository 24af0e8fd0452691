import HTTP
import TableModel

extension Option {
    fileprivate static let fleet = Option("fleet", "NAME", "what the fleet is called")
    fileprivate static let schema = Option(
        "schema", "FILE|DIR", "SQL to run: a file, or a folder of .sql files by name")
    fileprivate static let fromNodes = Option(
        "from-nodes", "FILE", "a node's file to build the hub from, where no backup is left; once for each",
        isRepeatable: true)
}

extension Verb {
    static let hubInit = Verb(
        "hub init", "create the hub's database",
        details: [
            "The SQL files run in the order of their names, in one transaction. INSERT INTO samband_table in them says",
            "which tables are replicated. A database that is there already is refused.",
            "With --from-nodes the fleet and its schema are those of the files; nothing of these is changed, and their",
            "nodes may run. What none of them knows comes in when its site is in touch: samband recover status.",
        ],
        options: [.database, .fleet, .schema, .fromNodes, .json],
        examples: [
            "samband hub init --db hub.db --fleet 'DMS Inn-Trøndelag' --schema schema/",
            "samband hub init --db hub.db --from-nodes snasa.db --from-nodes verran.db",
        ],
        task: { _ in "create the hub" },
        run: { invocation, context in
            let database = try DatabaseFile(wanted: try invocation.required(.database))
            let files = invocation.values(.fromNodes)
            if !files.isEmpty {
                guard invocation.value(.fleet) == nil, invocation.value(.schema) == nil else {
                    throw CommandError.words(
                        "with --from-nodes the fleet and its schema are those of the files",
                        hint: "Leave out --fleet and --schema.")
                }
                let paths = try files.map { file throws(CommandError) in try DatabaseFile(existing: file).path }
                let built = try await context.services.buildHub(path: database.path, from: paths)
                return try showBuilt(built, database, invocation, context)
            }
            let fleet = try invocation.required(.fleet)
            let migrations = try migrations(try invocation.required(.schema))
            let hub = try await context.services.createHub(
                path: database.path, fleet: fleet, migrations: migrations)
            if invocation.flag(.json) {
                try context.console.print([
                    "fleet": .string(hub.fleet), "replica": .integer(Int64(hub.replica)),
                    "tables": .array(hub.tables.map { .string($0) }),
                ])
                return .done
            }
            let tables = count(Int64(hub.tables.count), "table", "tables")
            try context.console.print(
                Visible.text(
                    "\(database.name) is the hub of \(fleet), replica \(hub.replica), \(tables) replicated")
                    + "\n")
            try context.console.note("samband: next: samband hub serve --db \(Visible.text(database.name))")
            return .done
        })
}

/// Bytes of one SQL file.
private let migrationBytes = 16 << 20

/// A file, or the .sql files of a folder in the order of their names' bytes.
private func migrations(_ path: String) throws(CommandError) -> [Migration] {
    guard let names = try FileText.names(inFolder: path) else {
        return [try migration(path, name: path.split(separator: "/").last.map(String.init) ?? path)]
    }
    var migrations: [Migration] = []
    for name in names where name.hasSuffix(".sql") {
        migrations.append(try migration(path + "/" + name, name: name))
    }
    if migrations.isEmpty {
        throw CommandError(.usage, "the folder \(path) holds no .sql file", hint: "Check --schema.")
    }
    return migrations
}

private func migration(_ path: String, name: String) throws(CommandError) -> Migration {
    let bytes = try FileText.bytes(path, limit: migrationBytes)
    guard let sql = String(validating: bytes, as: UTF8.self) else {
        throw CommandError(.usage, "\(path) is no text in UTF-8", hint: "Save it in UTF-8.")
    }
    return Migration(name: name, sql: sql)
}
