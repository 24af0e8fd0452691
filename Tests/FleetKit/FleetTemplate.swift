import Foundation
import HubDatabase
import HubService
import NodeService

/// The files of a fleet before its first write, made once: a history starts from copies of them.
package struct FleetTemplate: Sendable {
    package let folder: String
    package let sites: [String]
    /// What the fleet's clock shows then.
    package let endsMs: UInt64

    /// Makes the hub from a schema, and joins the sites.
    ///
    /// - Parameter seed: what the replica numbers follow.
    package init(schema: String, sites: [String], seed: UInt64) async throws {
        folder = FleetFolder.new()
        self.sites = sites
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let clock = HandClock(startMs: 1_700_000_000_000)
        let numbers = DrawnNumbers(seed: seed)
        try HubCreation.create(
            path: folder + "/hub.db", fleet: "test", migrations: [(name: "001.sql", sql: schema)],
            nowMs: clock.nowMs, drawReplica: { numbers.draw() })
        let hub = try ServicesFleet.openHub(folder, clock, numbers)
        for site in sites {
            clock.advance(ms: 10)
            let line = FleetLine(hub.networkHandler)
            try await ServicesFleet.join(site, at: folder, hub, line)
            // It has run once: what a node does at its first start is done.
            let path = "\(folder)/\(site).db"
            let secrets = SecretsFolder(of: path, credentials: nil)
            let node = try NodeService(
                path: path, push: line, pull: line, secret: try secrets.read().token, now: clock.reading())
            await node.onCommit()
            _ = try await node.syncOnce()
            await node.close()
        }
        await hub.close()
        endsMs = clock.nowMs
    }

    /// Copies the files. What SQLite keeps beside a database is empty by now, and goes when its connection does.
    func copy(to folder: String) throws {
        let files = FileManager.default
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in try files.contentsOfDirectory(atPath: self.folder)
        where !name.hasSuffix("-wal") && !name.hasSuffix("-shm") {
            try files.copyItem(atPath: "\(self.folder)/\(name)", toPath: "\(folder)/\(name)")
        }
    }

    /// Takes the files away.
    package func remove() {
        // Only rubbish in the temporary folder.
        try? FileManager.default.removeItem(atPath: folder)
    }
}

/// A new name in a place for temporary files; in memory where the machine has such a place.
enum FleetFolder {
    static func new() -> String {
        let isInMemory = FileManager.default.isWritableFile(atPath: "/dev/shm")
        let base = isInMemory ? "/dev/shm/" : NSTemporaryDirectory()
        return base + "samband-fleet-\(UInt64.random(in: 0...UInt64.max))"
    }
}
