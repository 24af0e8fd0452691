import Replication
import SimulatedDisk
import SimulationKit
import TableModel
import Testing

@Suite("Two machines that run from one file")
struct CopiedNodeTests {
    private let maker: StoreMaker
    private let hub: StoreHub
    private let first: StoreNode
    private let second: StoreNode
    private let disks = [SimulatedDisk(seed: 1), SimulatedDisk(seed: 2)]
    private let nowMs = Fleet.beginMs

    /// A site with a row that everybody has, and its file on a second machine.
    init() throws {
        maker = try StoreMaker(Catalogue([.plain]), in: SimulationFolder())
        hub = try #require(try maker.makeHub(nowMs: nowMs) as? StoreHub)
        try disks[0].load("\(maker.template.folder)/snasa.db", as: "site.db")
        first = try StoreNode(maker, path: disks[0].path("site.db"))
        _ = try first.transaction([insert(1, 1)]) { _, _ in }
        _ = try first.seal(nowMs: nowMs)
        try Self.push(first, hub, after: 0, nowMs)
        let order = try hub.givePull(first.pullRequest(), to: first.replica, nowMs: nowMs)
        try Self.take(first, order, nowMs)
        disks[1].put(disks[0].image())
        second = try StoreNode(maker, path: disks[1].path("site.db"))
    }

    private static func push(_ node: StoreNode, _ hub: StoreHub, after seq: UInt64, _ nowMs: UInt64) throws {
        let push = try node.pushBytes(after: seq, firstSegment: 0)
        try hub.takePush(Arrival([push]), from: node.replica, nowMs: nowMs)
    }

    private func order(for node: StoreNode) throws -> [UInt8] {
        try hub.givePull(node.pullRequest(), to: node.replica, nowMs: nowMs)
    }

    private static func take(_ node: StoreNode, _ order: [UInt8], _ nowMs: UInt64) throws {
        _ = try node.takePull(Arrival([order]), isFollowing: false, nowMs: nowMs)
    }

    @Test("the one that comes second is refused at its push and at its pull, and the first goes on")
    func refused() throws {
        _ = try first.transaction([set(x: 2)]) { _, _ in }
        _ = try second.transaction([set(x: 3)]) { _, _ in }
        _ = try first.seal(nowMs: nowMs)
        _ = try second.seal(nowMs: nowMs)
        try Self.push(first, hub, after: 1, nowMs)
        #expect { try Self.push(second, hub, after: 1, nowMs) } throws: { ($0 as? StoreError)?.kind == .changed }
        let order = try order(for: second)
        #expect { try Self.take(second, order, nowMs) } throws: { ($0 as? StoreError)?.kind == .diverged }
        try Self.take(first, order, nowMs)
        #expect(try hub.rows() == first.rows())
        // What the refused one wrote is still in its file.
        let row = maker.catalogue.identity(0, k)
        #expect(try second.rows()[row]?.data == [.integer(3), .integer(1)])
        #expect(try first.rows()[row]?.data == [.integer(2), .integer(1)])
        _ = try first.transaction([set(y: 5)]) { _, _ in }
        _ = try first.seal(nowMs: nowMs)
        try Self.push(first, hub, after: 2, nowMs)
        #expect(try hub.rows()[row]?.data == [.integer(2), .integer(5)])
    }

    @Test("one that has written nothing is refused once the other's writes come back to it")
    func silent() throws {
        _ = try first.transaction([set(x: 2)]) { _, _ in }
        _ = try first.seal(nowMs: nowMs)
        try Self.push(first, hub, after: 1, nowMs)
        let order = try order(for: second)
        #expect { try Self.take(second, order, nowMs) } throws: { ($0 as? StoreError)?.kind == .diverged }
    }
}
