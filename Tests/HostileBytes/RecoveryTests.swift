import Foundation
import HTTP
import HubDatabase
import HubService
import JSONText
import Replication
import SQLite
import Testing

@testable import NodeService

@Suite("Bytes that a site must not hand in", .serialized)
struct RecoveryTests {
    /// A hub that was restored from before what its two sites have exchanged since, and what one of them says to it.
    private struct Handing {
        let fleet: TappedFleet
        let exchanges: [String: Tap.Exchange]

        static let paths = ["/v1/recovery/offer", "/v1/recovery/sets", "/v1/recovery/done"]

        static func make() async throws -> Handing {
            let fleet = try TappedFleet()
            let snasa = try await fleet.join("snasa", over: Tap(fleet.hub.networkHandler))
            let verran = try await fleet.join("verran", over: Tap(fleet.hub.networkHandler))
            for node in [snasa, verran] { _ = try await node.syncOnce() }
            _ = try fleet.copy("hub.db", as: "backup.db")
            try? FileManager.default.removeItem(atPath: HubHighWaterMark.path(of: fleet.folder.file("backup.db")))
            try fleet.write(
                "snasa", "UPDATE ward SET name = 'medisin' WHERE id = 'w-1'; DELETE FROM stock WHERE id = 'masks'")
            try fleet.write(
                "verran", "UPDATE ward SET name = 'annet' WHERE id = 'w-1'; INSERT INTO ward VALUES('w-9', 'n', 2)")
            for node in [verran, snasa, verran] { _ = try await node.syncOnce() }
            try fleet.write("snasa", "INSERT INTO ward VALUES('w-8', 'unsent', 1)")
            await snasa.close()
            let hub = try restored(fleet).service
            let line = Tap(hub.networkHandler)
            let again = try fleet.node(fleet.folder.file("snasa.db"), secretOf: "snasa", line)
            await #expect(throws: ExchangeError.self) { try await again.syncOnce() }
            var exchanges: [String: Tap.Exchange] = [:]
            for path in paths + ["/v1/hello"] { exchanges[path] = line.last(path) }
            #expect(exchanges.count == paths.count + 1)
            return Handing(fleet: fleet, exchanges: exchanges)
        }

        /// The hub on a copy of the backup; it has been greeted where that is wanted.
        static func restored(_ fleet: TappedFleet) throws -> (service: HubService, path: String) {
            let name = "restored-\(UInt64.random(in: 0...UInt64.max)).db"
            let path = try fleet.copy("backup.db", as: name)
            return (try HubService(path: path, limitsSites: false, now: TappedFleet.now), path)
        }

        func greeted() async throws -> (service: HubService, path: String) {
            let hub = try Self.restored(fleet)
            #expect(try await say("/v1/hello", exchanges["/v1/hello"]!.request, to: hub.service).status == .ok)
            return hub
        }

        func say(_ path: String, _ bytes: [UInt8], to hub: HubService) async throws -> (status: Status, answer: JSON) {
            let response = await hub.networkHandler.respond(
                to: Request(
                    .post, path: path.split(separator: "/").map(String.init),
                    headers: exchanges[path]!.requestHeaders, body: Body(bytes: bytes)))
            return (response.status, try JSON(parsing: try await response.body.collect(limit: 1 << 20)))
        }

        func finish(_ hub: HubService) async throws -> Status {
            await hub.operatorHandler.respond(
                to: Request(.post, path: ["v1", "recovery", "accept"], body: Body(text: "{}"))
            )
            .status
        }
    }

    private func expectReason(_ answer: JSON, _ what: String) {
        #expect(answer["title"]?.string?.isEmpty == false && answer["detail"]?.string?.isEmpty == false, "\(what)")
        #expect(answer["type"]?.string != "https://samband.invalid/problem/bug", "\(what)")
    }

    @Test(
        "every bit that is turned and every end in the middle is refused with a reason, and nothing else is kept",
        arguments: Handing.paths)
    func bits(path: String) async throws {
        let handing = try await Handing.make()
        let (hub, file) = try await handing.greeted()
        let bytes = handing.exchanges[path]!.request
        for bit in 0..<bytes.count * 8 {
            let (status, answer) = try await handing.say(path, bytes.bent(bit), to: hub)
            #expect(status != .ok, "bit \(bit)")
            expectReason(answer, "bit \(bit)")
        }
        for count in 0..<bytes.count {
            let (status, answer) = try await handing.say(path, Array(bytes.prefix(count)), to: hub)
            // Between two change sets fewer are handed in; every other end is noticed.
            if status != .ok { expectReason(answer, "\(count) bytes") }
            if path != "/v1/recovery/sets" { #expect(status != .ok, "\(count) bytes") }
        }
        for path in Handing.paths {
            #expect(try await handing.say(path, handing.exchanges[path]!.request, to: hub).status == .ok)
        }
        #expect(try await handing.finish(hub) == .ok)
        let wards = try content(file).filter { $0.hasPrefix("ward: ") }
        #expect(wards.contains { $0.contains("w-8") } && wards.contains { $0.contains("w-9") })
        let recovery = await hub.operatorHandler.respond(to: Request(.get, path: ["v1", "recovery"]))
        let report = try JSON(parsing: try await recovery.body.collect(limit: 1 << 20))
        #expect(report["refused"]?.array?.isEmpty == true, "nothing damaged was kept")
        print("\(path), \(bytes.count) bytes: \(bytes.count * 8) bits turned")
    }

    @Test("what a site makes up, with digests that fit, is refused or taken, and the hub goes on sound")
    func madeUp() async throws {
        let handing = try await Handing.make()
        let frames = RawFrame.all(in: handing.exchanges["/v1/recovery/sets"]!.request)
        let bits = SomeBits("made-up change sets that are handed in", oneIn: 31)
        var outcomes: [Status: Int] = [:]
        for (number, frame) in frames.enumerated() {
            for bit in bits.of(frame.body) {
                let (hub, file) = try await handing.greeted()
                let made = RawFrame.fitting(frames, number, frame.body.bent(bit))
                let (status, answer) = try await handing.say("/v1/recovery/sets", made.flatMap(\.bytes), to: hub)
                outcomes[status, default: 0] += 1
                if status != .ok { expectReason(answer, "frame \(number), bit \(bit)") }
                #expect(try await handing.finish(hub) == .ok, "frame \(number), bit \(bit)")
                #expect(try isSound(file), "frame \(number), bit \(bit)")
                await hub.close()
                for end in ["", "-wal", "-shm", "-samband.seat"] {
                    try? FileManager.default.removeItem(atPath: file + end)
                }
            }
        }
        #expect((outcomes[.ok] ?? 0) > 0 && outcomes.count > 1)
        print("made-up hand-ins: \(outcomes.map { "\($0.value) × \($0.key)" }.sorted().joined(separator: ", "))")
    }
}
