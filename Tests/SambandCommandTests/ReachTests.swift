import CLinux
import Glibc
import HTTP
import HTTPServer
import Synchronization
import Testing

@testable import SambandCommand

@Suite("Which process is asked")
struct ReachTests {
    static let status: [String: FakeAnswer] = ["GET /v1/status": .json(Sample.node)]

    @Test("a running process is asked through its socket, and the database is left alone")
    func socket() async throws {
        let world = try FakeWorld()
        let running = FakeServices(ReachTests.status)
        let server = try Server(at: .unix(path: world.database + "-samband.sock"), handler: running)
        #expect(await world.run("status").code == .done)
        #expect(running.asked.withLock { $0.count } == 1)
        #expect(world.asked == [])
        #expect(access(world.database + "-samband.lock", F_OK) != 0)
        await server.drain(deadlineMs: 60_000)
    }

    @Test("a link to the database is the same database")
    func link() async throws {
        let world = try FakeWorld()
        let running = FakeServices(ReachTests.status)
        let server = try Server(at: .unix(path: world.database + "-samband.sock"), handler: running)
        let other = world.folder.file("other.db")
        #expect(symlink(world.database, other) == 0)
        #expect(await world.run("status", "--db", other).code == .done)
        #expect(running.asked.withLock { $0.count } == 1)
        await server.drain(deadlineMs: 60_000)
    }

    @Test("a path too long for a socket's address is reached all the same")
    func longPath() async throws {
        let world = try FakeWorld()
        let folder = world.folder.file(String(repeating: "long-name-", count: 15))
        #expect(mkdir(folder, 0o700) == 0)
        try FakeWorld.write(Array("SQLite format 3\0".utf8), folder + "/f.db")
        let database = try DatabaseFile(existing: folder + "/f.db")
        let running = FakeServices(ReachTests.status)
        let server = try Server(at: try ControlSocket.endpoint(database), handler: running)
        #expect(await world.run("status", "--db", folder + "/f.db").code == .done)
        #expect(running.asked.withLock { $0.count } == 1)
        await server.drain(deadlineMs: 60_000)
    }

    @Test("the socket that a killed process left behind counts for nothing")
    func staleSocket() async throws {
        let world = try FakeWorld(ReachTests.status)
        let path = world.database + "-samband.sock"
        let descriptor = samband_stream_socket(AF_UNIX)
        var address = sockaddr_un()
        let length = samband_unix_address(&address, path)
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) } == 0
        }
        #expect(isBound)
        close(descriptor)
        #expect(await world.run("status").code == .done)
        #expect(world.asked.map(\.line) == ["GET /v1/status"])
    }

    @Test("when nobody runs the database, the lock is taken for as long as the question lasts")
    func lock() async throws {
        let world = try FakeWorld(ReachTests.status)
        #expect(await world.run("status").code == .done)
        let database = try DatabaseFile(existing: world.database)
        guard case .taken = try DatabaseLock.attempt(database) else {
            Issue.record("the lock was kept")
            return
        }
        var about = stat()
        #expect(stat(database.lockPath, &about) == 0 && about.st_mode & 0o777 == 0o600)
    }

    @Test("a held lock whose owner does not answer is 75, and the owner is named")
    func heldLock() async throws {
        let world = try FakeWorld(ReachTests.status)
        guard case .taken(let lock) = try DatabaseLock.attempt(try DatabaseFile(existing: world.database))
        else {
            Issue.record("the lock was not free")
            return
        }
        // As often as it looks again within three seconds.
        let printed = await world.run("status", pauses: Context.lockPatienceMs / 50)
        #expect(printed.code == .later)
        #expect(
            printed.notes == """
                error: cannot show the status (hub.db): process \(getpid()) has the lock of hub.db and does not answer
                hint: Wait and try again, or look at it: ps -fp \(getpid())

                """)
        let serving = await world.run("node", "serve")
        #expect(serving.code == .later && serving.notes.contains("runs hub.db already"))
        withExtendedLifetime(lock) {}
    }

    @Test("a process that is just starting is waited for")
    func starting() async throws {
        let world = try FakeWorld()
        guard case .taken(let lock) = try DatabaseLock.attempt(try DatabaseFile(existing: world.database))
        else {
            Issue.record("the lock was not free")
            return
        }
        let path = world.database + "-samband.sock"
        // It begins to serve when the tool has looked for it in vain and pauses.
        let server = Mutex<Server?>(nil)
        world.onPause.withLock {
            $0 = {
                server.withLock { server in
                    // Without it the tool waits in vain, and the test says so.
                    guard server == nil else { return }
                    server = try? Server(at: .unix(path: path), handler: FakeServices(ReachTests.status))
                }
            }
        }
        #expect(await world.run("status", pauses: Context.lockPatienceMs / 50).code == .done)
        await server.withLock { $0 }?.drain(deadlineMs: 60_000)
        withExtendedLifetime(lock) {}
    }

    @Test("a backup is not opened beside the log of the database that stood there before")
    func foreignLog() async throws {
        let world = try FakeWorld()
        // What a file begins with that keeps no log (1), and one that does (2).
        for (version, fits) in [(UInt8(1), false), (2, true)] {
            let path = world.folder.file("put-back-\(version).db")
            let header =
                Array("SQLite format 3\0".utf8) + [0x10, 0, version, version] + [UInt8](repeating: 0, count: 80)
            try FakeWorld.write(header, path)
            #expect(throws: Never.self) { try DatabaseFile(existing: path) }
            try FakeWorld.write([1], path + "-wal")
            let asked = await world.run("status", "--db", path)
            #expect(asked.notes.contains("of another database") != fits)
        }
    }

    @Test("what is no database gets no lock beside it")
    func noDatabase() async throws {
        let world = try FakeWorld()
        let path = world.folder.file("plain.txt")
        try FakeWorld.write(Array("this is just a text".utf8), path)
        #expect(await world.run("status", "--db", path).notes.contains("plain.txt is no SQLite database"))
        #expect(access(path + "-samband.lock", F_OK) != 0)
        let missing = await world.run("status", "--db", world.folder.file("none.db"))
        #expect(missing.code == .inputOutput)
        #expect(
            missing.notes == """
                error: cannot show the status (none.db): there is no file none.db
                hint: Check --db. A new one comes from: samband hub init, samband node join

                """)
    }

    @Test("a hub from afar is asked with the token of a file")
    func fromAfar() async throws {
        let seen = FakeServices([:])
        var router = Router()
        router.on(.get, "/v1/status") { request, _ throws(Problem) in
            guard request.headers["authorization"] == "Bearer t0ken" else {
                throw Problem(.unauthorized, title: "No valid credential", next: "Ask for one.")
            }
            _ = await seen.respond(to: request)
            return Response.json(.ok, Array(Sample.hub.utf8))
        }
        let server = try Server(at: .tcp(host: "127.0.0.1", port: 0), handler: router)
        let world = try FakeWorld()
        func run(_ token: String) async -> FakeWorld.Printed {
            await world.run(
                "status", "--hub", "http://\(server.endpoint)", "--token-file", "-", environment: [:],
                input: token)
        }
        #expect(await run("t0ken\n").code == .done)
        // A verb that asks again and again reads the token once.
        let watched = await world.run(
            "status", "--watch", "--hub", "http://\(server.endpoint)", "--token-file", "-", environment: [:],
            input: "t0ken\n", pauses: 3)
        #expect(watched.code == .done && watched.notes == "", "\(watched)")
        #expect(seen.asked.withLock { $0.count } == 5)
        let wrong = await run("other\n")
        #expect(wrong.code == .notPermitted)
        #expect(
            wrong.notes == """
                error: cannot show the status (http://\(server.endpoint)): No valid credential
                hint: Ask for one.

                """)
        await server.drain(deadlineMs: 60_000)
        #expect(await run("t0ken\n").code == .unreachable)
    }
}

@Suite("Exit codes")
struct ExitCodeTests {
    @Test(
        "the status of a problem, and for 5xx its type, decide how the command ends",
        arguments: [
            (400, "about:blank", .usage), (422, "p/refused", .no), (422, "p/misused", .usage),
            (413, "about:blank", .usage),
            (401, "about:blank", .notPermitted), (403, "about:blank", .notPermitted),
            (404, "about:blank", .no),
            (409, "p/changed", .no), (423, "p/busy", .later), (429, "about:blank", .later),
            (503, "p/busy", .later), (503, "p/recovering", .later),
            (503, "https://samband.invalid/problem/hub-unreachable", .unreachable),
            (502, "p/hub-unreachable", .unreachable), (500, "p/io", .inputOutput),
            (507, "p/io", .inputOutput),
            (500, "p/bug", .bug), (500, "p/diverged", .no), (500, "about:blank", .bug),
            (501, "about:blank", .bug),
        ] as [(Int, String, ExitCode)])
    func problems(_ status: Int, _ type: String, _ code: ExitCode) async throws {
        let problem = Problem(try #require(Status(code: status)), type: type, title: "t")
        let world = try FakeWorld(["GET /v1/status": .problem(problem)])
        #expect(await world.run("status").code == code)
    }

    @Test("an answer that is neither a result nor a problem is told by its status")
    func noProblem() async throws {
        let page = FakeAnswer(responses: [{ Response(.serviceUnavailable, "text/html", "<h1>busy</h1>") }])
        let printed = await (try FakeWorld(["GET /v1/status": page])).run("status")
        #expect(printed.code == .later)
        #expect(
            printed.notes
                == "error: cannot show the status (hub.db): the answer was 503 Service Unavailable\n")
    }

    @Test("what an answer says is made visible in errors too")
    func hostileProblem() async throws {
        let problem = Problem(
            .conflict, title: "t", detail: "\u{1b}]0;x\u{7}\nhint: do evil", next: "\u{202e}x")
        let printed = await (try FakeWorld(["GET /v1/status": .problem(problem)])).run("status")
        #expect(
            printed.notes == #"""
                error: cannot show the status (hub.db): \u{1b}]0;x\u{7}\u{a}hint: do evil
                hint: \u{202e}x

                """#)
    }

    @Test("words that cannot be understood end with 64 and touch nothing")
    func words() async throws {
        let world = try FakeWorld()
        let printed = await world.run("statsu")
        #expect(printed.code == .usage)
        #expect(printed.notes == "error: there is no verb statsu\nhint: Did you mean: samband status\n")
        #expect(printed.results == "")
    }
}
