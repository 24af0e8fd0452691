import SQLite

/// Whose database a file is, read without opening it for work.
package struct DatabaseFacts: Equatable, Sendable {
    /// "hub" or "node".
    package let role: String
    package let fleet: String
    package let replica: UInt32
    /// The site's name; empty for a hub.
    package let site: String
    /// The address of a node's hub, as it was given when it joined; empty for a hub.
    package let hub: String
    /// The names of the replicated tables, in the order of their numbers.
    package let tables: [String]

    /// Reads the facts of a database that samband made; any other file is refused.
    package init(path: String) throws(StoreError) {
        self = try storing("opening \(path)") {
            let connection = try DatabaseCopy.open(path)
            defer { connection.close() }
            return try DatabaseFacts(connection, path)
        }
    }

    private init(_ connection: Connection, _ path: String) throws {
        guard
            try connection.firstInteger("SELECT count(*) FROM sqlite_schema WHERE name = 'samband_meta'") == 1
        else {
            throw StoreError(
                .misused, doing: "opening \(path)", why: "it is not a Samband database",
                hint: "Make one with: samband hub init, or samband node join.")
        }
        role = try connection.metaText(.role) ?? ""
        fleet = try connection.metaText(.fleet) ?? ""
        replica = UInt32(truncatingIfNeeded: try connection.metaNumber(.replica))
        site = try connection.metaText(.site) ?? ""
        hub = try connection.metaText(.hub) ?? ""
        tables = try ReplicatedTable.readAll(from: connection).map(\.name)
    }
}
