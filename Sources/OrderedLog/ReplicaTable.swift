import SQLite

/// The replicas of a fleet by number, as `samband_replica` has them: whose incarnation each of them is.
package struct ReplicaTable {
    private let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    /// The site whose incarnation a replica is; nil when the number is not known here.
    package func site(of replica: UInt32) throws -> String? {
        let statement = try connection.cached("SELECT site FROM samband_replica WHERE replica = ?1")
        try statement.bind(UInt64(replica), at: 1)
        defer { statement.reset() }
        return try statement.step() ? statement.string(0) : nil
    }

    /// The replicas that a site has or had, ascending.
    package func replicas(of site: String) throws -> [UInt32] {
        let statement = try connection.cached("SELECT replica FROM samband_replica WHERE site = ?1 ORDER BY replica")
        try statement.bind(at: 1, text: site)
        return try statement.rows { UInt32($0.integer(0)) }
    }

    /// The names of all sites that have or had a replica, or are invited; without the hub.
    package func sites() throws -> [String] {
        let statement = try connection.cached(
            "SELECT site FROM samband_replica WHERE site <> '' UNION SELECT name FROM samband_site ORDER BY 1")
        return try statement.rows { $0.string(0) }
    }

    /// Adds an active replica of a site; "" is the hub itself.
    package func add(_ replica: UInt32, site: String) throws {
        let statement = try connection.cached(
            "INSERT INTO samband_replica(replica, site, state) VALUES(?1, ?2, 'active')")
        try statement.bind([.integer(Int64(replica)), .text(site)])
        try statement.run()
    }
}
