import Foundation
import HTTP
import HTTPServer
import HTTPTestKit
import Testing

@Suite("curl", Tool.curl.isHere)
struct CurlTests {
    /// curl with options that every test wants: quiet, errors told, an end in any case.
    static func curl(_ arguments: String..., input: URL? = nil) async throws -> Tool.Outcome {
        let outcome = try await Tool.curl.run(["-q", "-sS", "--max-time", "300"] + arguments, input: input)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome
    }

    @Test("GET, HEAD, a missing page, an encoded path, HTTP/1.0")
    func simple() async throws {
        try await withServer { server, _ in
            let base = "http://\(server.endpoint)"
            #expect(try await Self.curl("\(base)/n/sn%C3%A5sa?x=1").text == "snåsa")
            let head = try await Self.curl("-I", "\(base)/n/123").text
            #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.contains("Content-Length: 3\r\n"))
            #expect(try await Self.curl("-o", "/dev/null", "-w", "%{http_code}", "\(base)/x").text == "404")
            let old = try await Self.curl("-0", "-i", "\(base)/stream/100000").text
            #expect(old.hasSuffix(String(repeating: "a", count: 100_000)))
            #expect(old.contains("Connection: close\r\n"))
        }
    }

    @Test("a POST of 50 MB comes back whole: counted, chunked, and with Expect")
    func post() async throws {
        try await withFolder { folder in
            let file = folder.appendingPathComponent("input")
            // A period that is no power of two, so that a piece out of its place shows.
            let period = (0..<65_521).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
            var bytes: [UInt8] = []
            for _ in 0..<800 { bytes += period }
            try Data(bytes).write(to: file)
            try await withServer { server, _ in
                let target = "http://\(server.endpoint)/echo"
                let counted = try await Self.curl("--data-binary", "@\(file.path)", target)
                expectSame(counted.output, bytes)
                let chunked = try await Self.curl("-X", "POST", "-T", "-", target, input: file)
                expectSame(chunked.output, bytes)
                let expecting = try await Self.curl(
                    "-v", "-H", "Expect: 100-continue", "--expect100-timeout", "50", "--data-binary",
                    "@\(file.path)", "http://\(server.endpoint)/collect")
                #expect(expecting.text == "\(bytes.count)")
                #expect(expecting.errors.contains("< HTTP/1.1 100 Continue"))
            }
        }
    }

    /// Not `#expect(a == b)`, which would look for the differences in 50 MB.
    private func expectSame(_ one: [UInt8], _ other: [UInt8]) {
        let isSame = one == other
        #expect(isSame)
    }

    @Test("three requests of one curl share a connection, over TCP and a Unix socket")
    func keepAlive() async throws {
        try await withServer { server, _ in
            let base = "http://\(server.endpoint)"
            let connects = try await Self.curl(
                "-w", " %{num_connects}\n", "\(base)/n/1", "\(base)/n/2", "\(base)/n/3")
            #expect(connects.text == "1 1\n2 0\n3 0\n")
        }
        let path = temporaryPath()
        try await withServer(at: .unix(path: path)) { _, _ in
            let connects = try await Self.curl(
                "--unix-socket", path, "-w", " %{num_connects}\n", "http://a/n/1", "http://a/n/2")
            #expect(connects.text == "1 1\n2 0\n")
        }
    }

    @Test("an upload that is too large is answered 413, which curl gets to see")
    func tooLarge() async throws {
        var limits = Limits()
        limits.bodyBytes = 1000
        try await withFolder { folder in
            let file = folder.appendingPathComponent("input")
            try Data(count: 5 << 20).write(to: file)
            try await withServer(limits) { server, _ in
                let target = "http://\(server.endpoint)/collect"
                for way in [["--data-binary", "@\(file.path)"], ["-X", "POST", "-T", "-"]] {
                    // curl calls it a failed send when the server closes while it still sends; what counts is
                    // that it has the answer.
                    let answer = try await Tool.curl.run(
                        ["-q", "-sS", "--max-time", "300", "-w", " %{http_code}"] + way + [target], input: file
                    )
                    #expect(answer.text.hasSuffix(" 413"), "\(answer.errors)")
                }
            }
        }
    }
}

@Suite("wrk", Tool.wrk.isHere)
struct WrkTests {
    @Test("64 connections under load see no socket error and no status but 200", arguments: [1, 2])
    func load(loops: Int) async throws {
        try await withServer(loops: loops) { server, service in
            let outcome = try await Tool.wrk.run([
                "-t1", "-c64", "-d2s", "--timeout", "60s", "http://\(server.endpoint)/n/1",
            ])
            #expect(outcome.status == 0)
            #expect(!outcome.text.contains("Socket errors"), "\(outcome.text)")
            #expect(!outcome.text.contains("Non-2xx"), "\(outcome.text)")
            #expect(service.handled.load(ordering: .relaxed) >= 64)
        }
    }
}
