import CLinux
import Glibc
import HTTP
import JSONText
import Synchronization
import TestKit
import Testing

@testable import SambandCommand

/// What a service manager hears: a datagram socket, as systemd has one.
private final class Ear: Sendable {
    private let descriptor: Int32

    /// - Parameter name: a path, or the name of an abstract socket after @, as NOTIFY_SOCKET has it.
    init(_ name: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(name.utf8)
        if path[0] == 0x40 { path[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 }
        }
        try #require(isBound)
    }

    deinit { close(descriptor) }

    /// The datagram that is there; nil when none is.
    func now() -> String? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return count >= 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }

    /// The next datagram, when it comes; the test's own limit ends a wait in vain.
    func next() async throws -> String {
        while true {
            if let word = now() { return word }
            try await Task.sleep(for: .milliseconds(1))
        }
    }
}

/// A database's thread that answers when it is let.
private final class HeldHandler: Handler {
    private struct State {
        var isHeld = false
        var asked = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())
    private let status: String

    init(_ status: String) { self.status = status }

    func respond(to request: Request) async -> Response {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                state.asked += 1
                if state.isHeld { state.waiting.append(continuation) }
                return !state.isHeld
            }
            if isFree { continuation.resume() }
        }
        return Response.json(.ok, Array(status.utf8))
    }

    var asked: Int { state.withLock { $0.asked } }
    /// True while somebody waits for an answer.
    var isWaitedFor: Bool { state.withLock { !$0.waiting.isEmpty } }

    func hold() { state.withLock { $0.isHeld = true } }

    func release() {
        let waiting = state.withLock { state in
            state.isHeld = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}

@Suite("What a service manager is told", .serialized)
struct ServiceManagerTests {
    private static let hub = """
        {"role":"hub","fleet":"inn-trondelag","conflicts":{"open":1},"trouble":null,"sites":[
        {"name":"snasa","state":"active","connected":true},{"name":"verran","state":"active","connected":false},
        {"name":"mosvik","state":"retired","connected":false}]}
        """

    @Test("a path and an abstract name are both reached", .timeLimit(.minutes(5)), arguments: ["/", "@"])
    func addresses(first: String) async throws {
        let folder = try TemporaryFolder()
        let name = first == "/" ? folder.file("notify") : "@samband-test-\(getpid())"
        let ear = try Ear(name)
        let manager = try #require(ServiceManager(["NOTIFY_SOCKET": name]))
        manager.tell(.ready)
        #expect(try await ear.next() == "READY=1")
        manager.tell(.stopping, .status("one\nREADY=1\u{1b}[0m"))
        #expect(try await ear.next() == "STOPPING=1\nSTATUS=one\\u{a}READY=1\\u{1b}[0m")
        #expect(manager.watchdogMs == nil)
    }

    @Test("who is not asked for word says none; a manager that is gone is no fault")
    func nobody() throws {
        #expect(ServiceManager([:]) == nil)
        #expect(ServiceManager(["NOTIFY_SOCKET": ""]) == nil)
        #expect(ServiceManager(["NOTIFY_SOCKET": "vsock:2:1234"]) == nil)
        for name in ["/nowhere/at/all", "/" + String(repeating: "x", count: 200)] {
            try #require(ServiceManager(["NOTIFY_SOCKET": name])).tell(.ready)
        }
    }

    @Test("the watchdog is served at half of its time, and only by the process it is meant for")
    func watchdogTime() {
        func half(_ more: [String: String]) -> Int? {
            ServiceManager(["NOTIFY_SOCKET": "/n"].merging(more) { $1 }, process: 7)?.watchdogMs
        }
        #expect(half(["WATCHDOG_USEC": "600000000"]) == 300_000)
        #expect(half(["WATCHDOG_USEC": "600000000", "WATCHDOG_PID": "7"]) == 300_000)
        #expect(half(["WATCHDOG_USEC": "600000000", "WATCHDOG_PID": "8"]) == nil)
        #expect(half(["WATCHDOG_USEC": "1"]) == 1)
        #expect(half(["WATCHDOG_USEC": "18446744073709551615"]) == Int(Int32.max) / 2)
        #expect(half(["WATCHDOG_USEC": "0"]) == nil)
        #expect(half(["WATCHDOG_USEC": "soon"]) == nil)
    }

    @Test("it is well only while the database's thread answers", .timeLimit(.minutes(5)))
    func silence() async throws {
        let folder = try TemporaryFolder()
        let ear = try Ear(folder.file("notify"))
        let handler = HeldHandler(Self.hub)
        handler.hold()
        let manager = ServiceManager([
            "NOTIFY_SOCKET": folder.file("notify"), "WATCHDOG_USEC": "2000", "WATCHDOG_PID": "\(getpid())",
        ])
        let heartbeat = Heartbeat(manager, handler)
        heartbeat.begin()
        #expect(try await ear.next() == "READY=1")
        let well = "WATCHDOG=1\nSTATUS=inn-trondelag: 1 of 2 sites connected, 1 open conflict"
        while !handler.isWaitedFor { await Task.yield() }
        // It was asked and has not answered: nothing is said, however often it would be due.
        #expect(ear.now() == nil)
        handler.release()
        for _ in 1...3 { #expect(try await ear.next() == well) }
        handler.hold()
        while !handler.isWaitedFor { await Task.yield() }
        while let late = ear.now() { #expect(late == well) }
        let asked = handler.asked
        #expect(ear.now() == nil)
        #expect(handler.asked == asked)
        handler.release()
        #expect(try await ear.next() == well)
        heartbeat.end()
        heartbeat.end()
        var ends = 0
        while let word = ear.now() { ends += word.hasPrefix("STOPPING=1\nSTATUS=ending") ? 1 : 0 }
        #expect(ends == 1)
    }

    @Test("one line says how a hub and a node are, or what is wrong")
    func lines() throws {
        func line(_ text: String) throws -> String { Heartbeat.line(try JSON(parsing: Array(text.utf8))) }
        #expect(try line(Self.hub) == "inn-trondelag: 1 of 2 sites connected, 1 open conflict")
        let node = """
            {"role":"node","site":"snasa","link":"down","link_since":"2026-11-21T19:46:00Z","pending":13,
            "in_flight":1,"conflicts":{"open":0},"trouble":TROUBLE}
            """
        #expect(
            try line(node.replacing("TROUBLE", with: "null"))
                == "snasa: link down since 2026-11-21T19:46:00Z, 14 changes on the way to the hub, 0 open conflicts")
        #expect(try line(node.replacing("TROUBLE", with: "\"the disk is full\"")) == "the disk is full")
    }
}
