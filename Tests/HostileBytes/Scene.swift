import Foundation
import HTTP
import HubService
@testable import NodeService
import Testing

/// A history with something of everything, stopped twice: before the hub has a push, and before a node has a pull.
struct Scene {
    let fleet: TappedFleet
    /// Snåsa's push of two change sets, concurrent with what the hub has; the hub's file as it was before.
    let push: Tap.Exchange
    let hubBefore: String
    /// Mosvik's pull of all that: sets of others, their effective parts, arbitrations, an echo of its own.
    let pull: Tap.Exchange
    let nodeBefore: String
    let mosvik: Tap

    static func make() async throws -> Scene {
        let fleet = try TappedFleet()
        // A segment is a megabyte; these are small, and what is sealed in one goes in two.
        let lines = ["snasa", "verran", "mosvik"].map { site in
            (site, Tap(fleet.hub.networkHandler, rewrite: site == "snasa" ? RawFrame.inTwoSegments : nil))
        }
        var nodes: [NodeService] = []
        for (site, line) in lines { nodes.append(try await fleet.join(site, over: line)) }
        for node in nodes { _ = try await node.syncOnce() }
        let (snasa, verran, mosvik) = (nodes[0], nodes[1], nodes[2])

        // Snåsa is off line and seals twice.
        lines[0].1.setDown(true)
        try fleet.write("snasa", everyOperation)
        await seal(snasa)
        try fleet.write("snasa", "UPDATE stay SET bed = 9 WHERE number = 1; INSERT INTO stock VALUES('soap', 3, 'c')")
        await seal(snasa)
        // Meanwhile others write the same cells, the same keys, the same bed, and take away what Snåsa refers to.
        try fleet.write("verran", theOtherSide)
        _ = try await verran.syncOnce()
        try fleet.write("mosvik", "UPDATE patient SET note = 'sover' WHERE id = x'03'")
        lines[2].1.setDown(true)
        await seal(mosvik)
        await fleet.hub.close()
        _ = try fleet.copy("hub.db", as: "hub-before.db")

        lines[0].1.setDown(false)
        _ = try await snasa.pushAll()
        lines[2].1.setDown(false)
        _ = try await mosvik.pushAll()
        await mosvik.close()
        _ = try fleet.copy("mosvik.db", as: "mosvik-before.db")
        _ = try await mosvik.pullAll(waitMs: 0)
        return Scene(
            fleet: fleet, push: try #require(lines[0].1.last("/v1/push")), hubBefore: "hub-before.db",
            pull: try #require(lines[2].1.last("/v1/pull")), nodeBefore: "mosvik-before.db", mosvik: lines[2].1)
    }

    /// Seals what was written; the line is down.
    private static func seal(_ node: NodeService) async {
        await #expect(throws: ExchangeError.self) { try await node.syncOnce() }
    }

    private static let everyOperation = """
        BEGIN;
        INSERT INTO ward VALUES('w-9', 'new', NULL);
        INSERT INTO stay VALUES('w-2', 7, x'03', 3), ('w-3', 1, NULL, 1);
        UPDATE patient SET name = 'Kåre', note = 2.5 WHERE id = x'02';
        DELETE FROM stay WHERE ward = 'w-1' AND number = 2;
        DELETE FROM stock WHERE id = 'masks';
        INSERT INTO stock VALUES('masks', 51, NULL);
        UPDATE stock SET pieces = pieces - 7 WHERE id = 'gloves';
        UPDATE ward SET name = 'medisin' WHERE id = 'w-1';
        UPDATE ward SET beds = 6 WHERE id = 'w-2';
        COMMIT;
        """

    private static let theOtherSide = """
        BEGIN;
        INSERT INTO ward VALUES('w-9', 'another', 2);
        UPDATE patient SET name = 'Katrine' WHERE id = x'02';
        UPDATE stay SET bed = 5 WHERE ward = 'w-1' AND number = 2;
        INSERT INTO stay VALUES('w-2', 8, x'01', 3);
        DELETE FROM ward WHERE id = 'w-3';
        UPDATE stock SET pieces = pieces + 20 WHERE id = 'gloves';
        UPDATE ward SET name = 'med.' WHERE id = 'w-1';
        UPDATE ward SET beds = 5 WHERE id = 'w-2';
        COMMIT;
        """
}

/// Which bits are turned where each turn costs a fresh database: one in so many, an odd number of them, so that every
/// place of a byte comes up; which ones is drawn anew by each run and printed. SAMBAND_HISTORIES=N turns N percent of that, SAMBAND_SEED the same again.
struct SomeBits {
    let seed: Int
    private let step: Int

    init(_ what: String, oneIn: Int) {
        let environment = ProcessInfo.processInfo.environment
        let percent = environment["SAMBAND_HISTORIES"].flatMap { Int($0) } ?? 100
        step = max(1, oneIn * 100 / max(1, percent))
        seed = environment["SAMBAND_SEED"].flatMap { Int($0) } ?? Int.random(in: 0..<1000)
        print("\(what): SAMBAND_SEED=\(seed)")
    }

    func of(_ body: [UInt8]) -> StrideTo<Int> { stride(from: seed % step, to: body.count * 8, by: step) }
}

extension [UInt8] {
    /// With one bit turned.
    func bent(_ bit: Int) -> [UInt8] {
        var bytes = self
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        return bytes
    }
}

/// A body that brings these bytes, and then the line is cut.
func cutBody(_ bytes: [UInt8]) -> Body {
    let piece = Pieces([bytes])
    return Body { try await piece.next() }
}

private actor Pieces {
    private var left: [[UInt8]]
    init(_ pieces: [[UInt8]]) { left = pieces.filter { !$0.isEmpty } }

    func next() throws -> [UInt8]? {
        if left.isEmpty { throw Tap.Down() }
        return left.removeFirst()
    }
}
