import Foundation
import SimulatedDisk
import SimulationKit

/// Makes fleets of real databases on disks that fail, each site and the hub on a machine of its own.
final class FaultyMaker: FleetMaker {
    let stores: StoreMaker
    let tally: FaultTally
    private let seed: UInt64
    private let plant: PlantedFault?
    private var copies: UInt64 = 0
    private let machines = Machines()

    init(
        _ catalogue: Catalogue, in simulation: SimulationFolder, seed: UInt64, tally: FaultTally = FaultTally(),
        plant: PlantedFault? = nil
    ) throws {
        stores = try StoreMaker(catalogue, in: simulation, bug: plant?.bug, seed: seed)
        self.seed = seed
        self.tally = tally
        self.plant = plant
    }

    var catalogue: Catalogue { stores.catalogue }
    func number(ofTable table: Int) -> Int { stores.number(ofTable: table) }
    func isSystem(table number: Int) -> Bool { stores.isSystem(table: number) }

    func makeHub(nowMs: UInt64) throws -> any HubEnd {
        let epochs = [SeenEpoch(number: 0, hub: stores.template.hub, base: 0)]
        return try FaultyHub(
            stores, disk: disk(of: "hub", as: "hub.db", 0), seed: seed, tally: tally, plant: plant,
            idle: { [stores, machines] in
                stores.template.replicas.values.filter { !machines.replicas.contains($0) }.sorted().map {
                    Follower(replica: $0, epochs: epochs, sealed: 0, position: 0, digest: nil)
                }
            })
    }

    /// Of these replicas there are machines.
    private final class Machines {
        var replicas: Set<UInt32> = []
    }

    func makeNode(for replica: UInt32, of hub: any HubEnd, nowMs: UInt64) throws -> any NodeEnd {
        let site = stores.template.replicas.first { $0.value == replica }!.key
        let disk = try disk(of: site, as: "site.db", UInt64(replica))
        machines.replicas.insert(replica)
        return try FaultyNode(
            stores, site: site, disk: disk, seed: seed &* 31 &+ UInt64(replica), tally: tally, plant: plant)
    }

    var measuresClocks: Bool { true }

    func copy(of node: any NodeEnd) throws -> (any NodeEnd)? {
        guard let node = node as? FaultyNode else { return nil }
        copies += 1
        tally.copies += 1
        let disk = SimulatedDisk(seed: seed &* 1_000_003 &+ copies)
        disk.put(node.image())
        return try FaultyNode(
            stores, site: node.site, disk: disk, seed: seed &* 31 &+ copies, tally: tally, plant: plant)
    }

    private func disk(of name: String, as file: String, _ salt: UInt64) throws -> SimulatedDisk {
        // With safe overwrites, as SQLite's own file system for Unix has it of every disk.
        // https://www.sqlite.org/psow.html
        let disk = SimulatedDisk(seed: seed &* 1_000_003 &+ salt)
        try disk.load("\(stores.template.folder)/\(name).db", as: file)
        plant?.adjust(name, disk)
        return disk
    }
}

extension SimulatedDisk {
    /// Puts a copy of a real file on the disk.
    func load(_ path: String, as name: String) throws {
        put(name, [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
    }
}
