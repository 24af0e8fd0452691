import HTTP

/// What the tool needs from the rooms behind it, where there is no handler to ask. They throw `Problem` for what the
/// user can do something about; anything else is taken for a mistake of ours.
package protocol Services: Sendable {
    /// Makes a hub's database of SQL files; leaves no file behind when it refuses.
    func createHub(path: String, fleet: String, migrations: [Migration]) async throws -> CreatedHub
    /// Makes a site's database from its hub.
    func joinNode(path: String, hub: String, token: String, transport: any Transport) async throws
        -> JoinedNode
    /// Opens the database of a hub or a node, whose lock the caller holds.
    func open(path: String, connect: @escaping @Sendable (String) throws -> any Transport) async throws
        -> OpenedDatabase
}

/// One SQL file of a schema, in its place among the others.
package struct Migration: Equatable, Sendable {
    package let name: String
    package let sql: String
}

/// What `hub init` has made.
package struct CreatedHub: Equatable, Sendable {
    package let replica: UInt32
    /// The replicated tables.
    package let tables: [String]

    package init(replica: UInt32, tables: [String]) {
        self.replica = replica
        self.tables = tables
    }
}

/// What `node join` has made.
package struct JoinedNode: Equatable, Sendable {
    package let fleet: String
    package let site: String
    package let replica: UInt32

    package init(fleet: String, site: String, replica: UInt32) {
        self.fleet = fleet
        self.site = site
        self.replica = replica
    }
}

/// The service of a database that this process holds.
package struct OpenedDatabase: Sendable {
    package enum Work: Sendable {
        /// A hub: what sites reach over the network, and what sends waiting ones away before the end.
        case hub(siteHandler: any Handler, drain: @Sendable () async -> Void)
        /// A node: exchanges with its hub until its task is cancelled.
        case node(run: @Sendable () async throws -> Void)
    }

    package let work: Work
    package let operatorHandler: any Handler
    /// Gives the database back. Nothing is asked of it afterwards.
    package let close: @Sendable () async -> Void

    package init(
        _ work: Work, operatorHandler: any Handler, close: @escaping @Sendable () async -> Void
    ) {
        self.work = work
        self.operatorHandler = operatorHandler
        self.close = close
    }
}
