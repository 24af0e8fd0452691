import Foundation
import SimulatedDisk
import SimulationKit

@testable import HubDatabase

/// The small file beside the hub's, which is in no image of its disk. It is a real one: nothing waits for its bytes, and
/// they count only where the hub's own file is behind them.
final class SimulatedSeat {
    private let database: String
    private let maker: StoreMaker

    /// - Parameter path: the hub's file as it is before the first history.
    init(_ maker: StoreMaker, path: String) throws {
        self.maker = maker
        database = maker.folder + "/hub.db"
        let hub = try StoreHub(maker, path: path)
        try HubHighWaterMark(database: database).note(replica: hub.replica, position: hub.lastPosition())
    }

    func open() throws -> HubHighWaterMark { try HubHighWaterMark(database: database) }

    /// Planted: it says what the file of an image says.
    func fit(_ image: SimulatedDisk.Image) throws {
        let disk = SimulatedDisk(seed: 0)
        disk.put(image)
        let hub = try StoreHub(maker, path: disk.path("hub.db"))
        try open().note(replica: hub.replica, position: hub.lastPosition())
    }

    func lose() { try? FileManager.default.removeItem(atPath: HubHighWaterMark.path(of: database)) }
}
