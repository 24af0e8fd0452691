import HubService
import NodeService
import Replication
import Testing

@testable import NodeDatabase

@Suite("A pull that is cut")
struct CutPullTests {
    @Test("what is kept of a large hub transaction outlives the taking in of the small ones before it")
    func smallBeforeLarge() throws {
        let fleet = try TestFleet(Schemas.referrals)
        for site in ["snasa", "verran"] { try fleet.join(site) }
        let author = try NodeStore(path: fleet.folder + "/snasa.db", segmentBytes: 1)
        try fleet.write("snasa", "INSERT INTO referral(id) VALUES('small')")
        try author.seal(nowMs: fleet.nowMs)
        try fleet.write("snasa", "INSERT INTO referral(id) VALUES('a'), ('b'), ('c'), ('d')")
        let large = try #require(try author.seal(nowMs: fleet.nowMs))
        try fleet.send(author, to: fleet.hub)

        let node = fleet.nodes["verran"]!
        let before = try node.position()
        var room = PullIntake.Room()
        (room.heldMaxBytes, room.worthKeepingBytes) = (1, 0)
        var size = PullStream.Size()
        size.pieceBytes = 1
        var stream = PullStream(to: node.replica, after: before, size: size)
        var intake = PullIntake(left: [], room: room, localMs: fleet.nowMs)
        // The small one, then three of the four segments of the large one.
        for _ in 0..<4 {
            let piece = try #require(try stream.next(from: fleet.hub, nowMs: fleet.nowMs))
            _ = try intake.take(piece, node, localMs: fleet.nowMs, nowMs: fleet.nowMs)
        }
        _ = try intake.takeWhole(node, nowMs: fleet.nowMs)
        try intake.keepRest(node)
        #expect(try node.position() == before + 1)
        let left = try node.staged()
        #expect(left.map(\.header.dot) == [large] && left.map(\.segmentCount) == [3])

        stream = PullStream(
            to: node.replica, after: before + 1, resume: PullStream.Resume(dot: large, segments: 3), size: size)
        intake = PullIntake(left: left, room: room, localMs: fleet.nowMs)
        var frames = FrameReader()
        while let piece = try stream.next(from: fleet.hub, nowMs: fleet.nowMs) {
            frames.append(piece)
            _ = try intake.take(piece, node, localMs: fleet.nowMs, nowMs: fleet.nowMs)
        }
        _ = try intake.takeWhole(node, nowMs: fleet.nowMs)
        guard case .header(_, let delivery) = try frames.next() else { throw CancellationError() }
        #expect(delivery.firstSegment == 3, "the hub sends only what is missing")
        let rows = "SELECT id FROM referral ORDER BY id"
        #expect(try fleet.rows("verran", rows) == fleet.rows("hub", rows))
        #expect(try fleet.rows("verran", "SELECT count(*) FROM samband_staged") == ["0"])
    }
}
