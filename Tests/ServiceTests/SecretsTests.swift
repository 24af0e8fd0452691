import Foundation
import HTTP
import JSONText
import Replication
import Testing

@testable import HubService
@testable import NodeService
@testable import TableModel

@Suite("The secrets of a node")
struct SecretsTests {
    let fleet: ServiceFleet

    init() throws { fleet = try ServiceFleet(ExchangeTests.schema) }

    private func mode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    private func folder(_ site: String) -> SecretsFolder { SecretsFolder(of: fleet.path(site), credentials: nil) }

    /// Whether a secret opens the hub's door for sites.
    private func opens(_ secret: String) async -> Bool {
        let request = AccessTests.request(.post, "/v1/pull", token: secret)
        return await fleet.hub.networkHandler.respond(to: request).status != .unauthorized
    }

    @Test("they are in a folder of their own that its owner alone may open, and nothing else of the joining is")
    func files() async throws {
        _ = try await fleet.join("snasa")
        let folder = folder("snasa")
        #expect(try mode(folder.path) == 0o700)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["bundle-key", "token"])
        for name in ["bundle-key", "token"] { #expect(try mode("\(folder.path)/\(name)") == 0o600) }
        let secrets = try folder.read()
        #expect(secrets.token.utf8.count == 43 && secrets.bundleKey.count == 32)
        // The hub has the digest of the one and the other whole; no copy of its file for a site has either.
        let digest = SHA256.digest(Array(secrets.token.utf8)).hex
        #expect(
            try fleet.value("hub", "SELECT lower(hex(secret_digest) || hex(bundle_key)) FROM samband_site")
                == digest + secrets.bundleKey.hex)
        _ = try await fleet.join("verran")
        for end in ["", "-wal"] {
            let copy = (try? Data(contentsOf: URL(fileURLWithPath: fleet.path("verran") + end))) ?? Data()
            #expect(copy.range(of: Data(secrets.bundleKey)) == nil)
            #expect(copy.range(of: Data(SHA256.digest(Array(secrets.token.utf8)))) == nil)
            let hub = (try? Data(contentsOf: URL(fileURLWithPath: fleet.path("hub") + end))) ?? Data()
            #expect(hub.range(of: Data(secrets.token.utf8)) == nil)
        }
    }

    @Test("files that others may read, or that hold nothing, are refused with what to do")
    func refused() async throws {
        _ = try await fleet.join("snasa")
        let folder = folder("snasa")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: folder.tokenPath)
        #expect(throws: StoreError.self) { try folder.read() }
        do { _ = try folder.read() } catch {
            #expect(error.why.contains("others than its owner may read"))
            #expect(error.hint.contains("chmod 600"))
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: folder.tokenPath)
        #expect(throws: Never.self) { try folder.read() }
        try Data().write(to: URL(fileURLWithPath: folder.path + "/bundle-key"))
        #expect(throws: StoreError.self) { try folder.read() }
    }

    @Test("systemd may hand them over instead; a folder of the node's own goes before")
    func credential() async throws {
        _ = try await fleet.join("snasa")
        let own = try folder("snasa").read()
        let handed = fleet.folder + "/credentials"
        try FileManager.default.createDirectory(atPath: handed, withIntermediateDirectories: true)
        let other = NodeSecrets.make()
        try other.token.write(toFile: handed + "/samband-token", atomically: false, encoding: .utf8)
        try (Base64.encode(other.bundleKey) + "\n").write(
            toFile: handed + "/samband-bundle-key", atomically: false, encoding: .utf8)
        #expect(try SecretsFolder(of: fleet.path("snasa"), credentials: handed).read() == own)
        #expect(try SecretsFolder(of: fleet.path("none"), credentials: handed).read() == other)
        #expect(throws: StoreError.self) { try SecretsFolder(of: fleet.path("none"), credentials: nil).read() }
        // What it cannot write it does not change.
        try FileManager.default.moveItem(
            atPath: folder("snasa").path, toPath: fleet.folder + "/elsewhere")
        let line = Line(fleet.hub.networkHandler)
        let node = try NodeService(
            path: fleet.path("snasa"), push: line, pull: line, secret: own.token,
            secretsFolder: SecretsFolder(of: fleet.path("snasa"), credentials: handed), now: wallMs)
        await #expect(throws: ExchangeError.self) { try await node.rotate() }
        _ = try await node.syncOnce()
    }

    @Test("a node changes its secrets while it works: the former open until the next are used, and never again")
    func rotate() async throws {
        let node = try await fleet.join("snasa")
        let former = try folder("snasa").read()
        try fleet.write("snasa", "INSERT INTO note VALUES('a', x'01')")
        _ = try await node.syncOnce()
        try await node.rotate()
        let present = try folder("snasa").read()
        #expect(present != former)
        #expect(await node.secret == present.token)
        #expect(await opens(present.token))
        #expect(await !opens(former.token))
        try fleet.write("snasa", "INSERT INTO note VALUES('b', x'02')")
        _ = try await node.syncOnce()
        #expect(try fleet.value("hub", "SELECT group_concat(id) FROM note") == "a,b")
        #expect(
            try fleet.value("hub", "SELECT lower(hex(bundle_key)) || quote(next_bundle_key) FROM samband_site")
                == present.bundleKey.hex + "NULL")
        #expect(
            try fleet.value("hub", "SELECT group_concat(what) FROM samband_audit WHERE what GLOB 'site.rot*'")
                == "site.rotate,site.rotated")
        // Another process finds them.
        _ = try await fleet.node("snasa", Line(fleet.hub.networkHandler)).syncOnce()
    }

    @Test("an answer that is lost at any step costs nothing: the node goes on, and ends what it began")
    func lostAnswers() async throws {
        let line = Line(fleet.hub.networkHandler)
        let node = try await fleet.join("snasa", line: line)
        let former = try folder("snasa").read()
        line.set { $0.cutAnswerAfter = 0 }
        await #expect(throws: ExchangeError.self) { try await node.rotate() }
        // The hub knows the next ones; the node still shows the former, and both open.
        #expect(folder("snasa").isChanging)
        #expect(await node.secret == former.token)
        let next = try folder("snasa").next()
        try fleet.write("snasa", "INSERT INTO note VALUES('a', x'01')")
        _ = try await node.syncOnce()
        #expect(!folder("snasa").isChanging, "the exchange has ended it")
        #expect(try folder("snasa").read() == next)
        #expect(await opens(next.token))
        #expect(await !opens(former.token))
        #expect(try fleet.value("hub", "SELECT count(*) FROM note") == "1")
    }

    @Test("a crash at any step leaves a node that works after the next start", arguments: 0..<4)
    func crash(step: Int) async throws {
        _ = try await fleet.join("snasa")
        let folder = folder("snasa")
        let former = try folder.read()
        let next = try folder.next()
        let line = Line(fleet.hub.networkHandler)
        if step >= 1 {
            // The hub has heard.
            var request = Request(.post, path: ["v1", "rotate"], headers: try fleet.bearer(former.token))
            let bytes = try next.message.json.bytes()
            request.body = Body(bytes: bytes)
            request.headers.set("content-digest", FieldValue("sha-256=:\(Base64.encode(SHA256.digest(bytes))):")!)
            #expect(await fleet.hub.networkHandler.respond(to: request).status == .ok)
        }
        if step == 2 {
            // One of the two files is in its place.
            try FileManager.default.removeItem(atPath: folder.path + "/bundle-key")
            try FileManager.default.moveItem(
                atPath: folder.path + "/bundle-key.next", toPath: folder.path + "/bundle-key")
        }
        if step == 3 { try folder.takeUpNext() }
        let again = try fleet.node("snasa", line)
        try fleet.write("snasa", "INSERT INTO note VALUES('a', x'01')")
        _ = try await again.syncOnce()
        _ = try await again.syncOnce()
        #expect(try folder.read() == next)
        #expect(await opens(next.token))
        #expect(await !opens(former.token))
        #expect(
            try fleet.value("hub", "SELECT lower(hex(bundle_key)) FROM samband_site") == next.bundleKey.hex)
        #expect(try fleet.value("hub", "SELECT count(*) FROM note") == "1")
    }

    @Test("a hub that was restored from before the change learns the present secrets again, under the former")
    func restoredHub() async throws {
        let node = try await fleet.join("snasa")
        let former = try folder("snasa").read()
        try await node.rotate()
        let present = try folder("snasa").read()
        try await fleet.hub.forgetChange(
            former: SHA256.digest(Array(former.token.utf8)), key: former.bundleKey)
        #expect(await !opens(present.token))
        try fleet.write("snasa", "INSERT INTO note VALUES('a', x'01')")
        _ = try await node.syncOnce()
        #expect(await opens(present.token))
        #expect(await !opens(former.token))
        #expect(try fleet.value("hub", "SELECT count(*) FROM note") == "1")
    }

    @Test("secrets are changed by who has them: not by another site, nor to those of another")
    func others() async throws {
        let snasa = try await fleet.join("snasa")
        let verran = try await fleet.join("verran")
        let stolen = await NodeSecrets(token: snasa.secret, bundleKey: [UInt8](repeating: 1, count: 32))
        let bytes = try stolen.message.json.bytes()
        var request = Request(
            .post, path: ["v1", "rotate"], headers: try await fleet.caller(verran), body: Body(bytes: bytes))
        request.headers.set("content-digest", FieldValue("sha-256=:\(Base64.encode(SHA256.digest(bytes))):")!)
        #expect(await fleet.hub.networkHandler.respond(to: request).status == .unprocessableContent)
        _ = try await snasa.syncOnce()
        _ = try await verran.syncOnce()
    }
}

extension ServiceFleet {
    fileprivate func bearer(_ token: String) throws -> Headers { ["authorization": FieldValue("Bearer \(token)")!] }
}

extension HubService {
    /// As a backup of before has it.
    fileprivate func forgetChange(former: [UInt8], key: [UInt8]) throws {
        let statement = try store.connection.prepare("UPDATE samband_site SET secret_digest = ?1, bundle_key = ?2")
        try statement.bind([.blob(former), .blob(key)])
        try statement.run()
    }
}
