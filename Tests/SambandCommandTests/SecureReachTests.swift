import HTTP
import Testing

@testable import SambandCommand

@Suite("Hubs over https, and over http to other machines")
struct SecureReachTests {
    @Test("https makes the tool become the program that has it, before anything is read or asked")
    func becomes() async throws {
        let world = try FakeWorld()
        let words = ["status", "--hub", "https://hub.example", "--token-file", "-"]
        let printed = await world.run(words: words, environment: [:], input: "token")
        #expect(printed.notes.contains("it would become samband-https"))
        #expect(world.state.withLock { $0.input } == Array("token".utf8))
        let joining = await world.run(
            words: [
                "node", "join", "--db", world.folder.file("n.db"), "--hub", "https://hub.example", "--token-file", "-",
            ],
            environment: [:], input: "token")
        #expect(joining.notes.contains("it would become samband-https"))
        #expect(world.services.made.withLock { $0 } == [])
    }

    @Test("a program that has https uses it")
    func here() async throws {
        let world = try FakeWorld(["GET /v1/status": .json(Sample.node)])
        let services = world.services
        let reach = SecureReach.here { (address, _) throws(TransportError) in
            #expect(address == "https://hub.example")
            return InProcessTransport(services)
        }
        let printed = await world.run(
            words: ["status", "--json", "--hub", "https://hub.example", "--token-file", "-"], environment: [:],
            input: "token", secure: reach)
        #expect(printed.code == .done, "\(printed.notes)")
    }

    @Test(
        "http to another machine is refused, and with --insecure-http warned of",
        arguments: ["http://hub.example:7420", "http://0.0.0.0:1", "http://127.example:1", "http://[2001:db8::1]:1"])
    func open(url: String) async throws {
        let world = try FakeWorld()
        let words = ["status", "--hub", url, "--token-file", "-"]
        let refused = await world.run(words: words, environment: [:], input: "token")
        #expect(refused.code == .usage)
        #expect(refused.notes.contains("\(url) is http:// to another machine"))
        #expect(refused.notes.contains("hint: Use https://."))
        #expect(world.state.withLock { $0.input } == Array("token".utf8))
        guard url.contains("0.0.0.0") else { return }
        // The one of them that nobody has to be asked for.
        let warned = await world.run(words: words + ["--insecure-http"], environment: [:], input: "token")
        #expect(warned.code == .unreachable)
        #expect(warned.notes.hasPrefix("warning: http:// to another machine"))
    }

    @Test(
        "http within this machine is nobody's business",
        arguments: ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "http://127.1.2.3:1"])
    func within(url: String) async throws {
        let world = try FakeWorld()
        let printed = await world.run(
            words: ["status", "--hub", url, "--token-file", "-"], environment: [:], input: "token")
        #expect(printed.code == .unreachable, "\(printed.notes)")
        #expect(!printed.notes.contains("warning"))
    }

    @Test("a hub listens to other machines only when it is told that this is open to everybody on the way")
    func listening() async throws {
        let world = try FakeWorld()
        for address in ["0.0.0.0:0", "[::]:0"] {
            let printed = await world.run("hub", "serve", "--listen", address)
            #expect(printed.code == .usage && printed.notes.contains("--listen \(address) is plain http://"))
        }
        let warned = await world.run("hub", "serve", "--listen", "0.0.0.0:0", "--insecure-http")
        #expect(warned.notes.hasPrefix("warning: http:// to another machine"))
    }
}
