import Replication
import SQLite
import TableModel

/// The states of sites and replicas and of the hub itself, as its file keeps them. They are changed here only, and by the
/// steps that are written down. (Protocol/State-Machines.md)
struct LifeTable {
    let connection: Connection

    func site(_ name: String) throws -> SiteState? {
        let statement = try connection.cached("SELECT state FROM samband_site WHERE name = ?1")
        try statement.bind(at: 1, text: name)
        defer { statement.reset() }
        return try statement.step() ? SiteState(rawValue: statement.string(0)) : nil
    }

    func replica(_ number: UInt32) throws -> ReplicaLife? {
        let statement = try connection.cached("SELECT state FROM samband_replica WHERE replica = ?1")
        try statement.bind(UInt64(number), at: 1)
        defer { statement.reset() }
        return try statement.step() ? ReplicaLife(rawValue: statement.string(0)) : nil
    }

    /// Takes a site to a state; nothing where it is there already.
    func set(_ next: SiteState, ofSite name: String) throws {
        let state = try site(name)
        if state == next { return }
        let update = try connection.cached("UPDATE samband_site SET state = ?1 WHERE name = ?2")
        try update.bind([.text((state?.to(next) ?? next).rawValue), .text(name)])
        try update.run()
    }

    /// Takes a replica to a state; nothing where it is there already.
    func set(_ next: ReplicaLife, of number: UInt32) throws {
        let state = try replica(number)
        if state == next { return }
        let update = try connection.cached("UPDATE samband_replica SET state = ?1 WHERE replica = ?2")
        try update.bind([.text((state?.to(next) ?? next).rawValue), .integer(Int64(number))])
        try update.run()
    }

    /// Takes every replica of a site to a state, or those only that are in one.
    func setReplicas(_ next: ReplicaLife, ofSite name: String, whichAre state: ReplicaLife? = nil) throws {
        let statement = try connection.cached("SELECT replica, state FROM samband_replica WHERE site = ?1")
        try statement.bind(at: 1, text: name)
        var found: [UInt32] = []
        do {
            defer { statement.reset() }
            while try statement.step() {
                if let state, statement.string(1) != state.rawValue { continue }
                found.append(UInt32(statement.integer(0)))
            }
        }
        for number in found { try set(next, of: number) }
    }

    /// Takes the hub to a phase. One that was never restored serves.
    func set(_ next: HubPhase) throws {
        let phase: HubPhase = try connection.metaNumber(.recovering) == 1 ? .gathering : .serving
        try connection.setMeta(.recovering, phase.to(next) == .gathering ? 1 : 0)
    }
}
