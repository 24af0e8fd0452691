import HTTP
import JSONText
import TableModel

/// What the tool needs from the rooms behind it, where there is no handler to ask: `RoomServices`, and a fake in
/// tests.
package protocol Services: Sendable {
    /// Makes a hub's database of SQL files; leaves no file behind when it refuses.
    func createHub(path: String, fleet: String, migrations: [Migration]) async throws -> DatabaseFacts
    /// Builds a hub's database from the files of nodes → what came of it, for people and programs; leaves no file behind
    /// when it refuses.
    func buildHub(path: String, from files: [String]) async throws -> JSON
    /// Makes a site's database from its hub.
    func joinNode(
        path: String, hub: String, token: String, transport: any Transport
    ) async throws -> DatabaseFacts
    /// Opens the database of a hub or a node, whose lock the caller holds.
    func open(
        path: String, connect: @escaping @Sendable (String) throws -> any Transport
    ) async throws -> OpenedDatabase
}

/// The service of a database that this process holds; the database is given back when the last copy goes.
package struct OpenedDatabase: Sendable {
    /// What it does beside answering its operators.
    package enum Work: Sendable {
        /// A hub: what sites and operators reach over the network, and what sends waiting ones away before the end.
        /// `begin` comes first: it throws when the machine's clock cannot be right and is not accepted.
        case hub(
            networkHandler: any Handler, begin: @Sendable (_ acceptClock: Bool) async throws -> Void = { _ in },
            drain: @Sendable () async -> Void)
        /// A node: exchanges with its hub until its task is cancelled.
        case node(run: @Sendable () async throws -> Void)
    }

    package let work: Work
    package let operatorHandler: any Handler
    /// Closes the database: SQLite then writes its log back and takes it away. Nothing may be asked afterwards.
    package let close: @Sendable () async -> Void

    package init(
        _ work: Work, operatorHandler: any Handler, close: @escaping @Sendable () async -> Void = {}
    ) {
        self.work = work
        self.operatorHandler = operatorHandler
        self.close = close
    }
}
