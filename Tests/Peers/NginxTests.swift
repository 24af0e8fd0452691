import Foundation
import HTTP
import HTTPClient
import HTTPServer
import HTTPTestKit
import Synchronization
import Testing

@Suite("nginx in front", Tool.nginx.isHere, .serialized)
struct NginxTests {
    /// Marks each answer with the number of the request, as the handlers count them.
    private final class Counting: Handler {
        let inner = TestService()
        let count = Atomic(0)
        func respond(to request: Request) async -> Response {
            let number = count.add(1, ordering: .relaxed).newValue
            var response = await inner.respond(to: request)
            response.headers.set("x-number", FieldValue(number))
            return response
        }
    }

    /// Reads each request whole and keeps what it was.
    private final class Recording: Handler {
        private let lines = Mutex<[String]>([])

        /// The requests since the last time, each with the length of its body.
        func take() -> [String] {
            lines.withLock { lines in
                defer { lines = [] }
                return lines
            }
        }

        func respond(to request: Request) async -> Response {
            let length: Int
            do { length = try await request.collectBody(limit: 100_000).count } catch { return error.response }
            let line = "\(request.method.rawValue) \(request.target.text) \(length)"
            lines.withLock { $0.append(line) }
            return Response(.ok, "text/plain", "read")
        }
    }

    static let upstreams = [Endpoint.tcp(host: "127.0.0.1", port: 0), .unix(path: temporaryPath())]

    /// Starts nginx on a Unix socket in front of a server, and stops both.
    private func withFront(
        _ upstream: Endpoint, patience: String = "60s", _ body: (Endpoint, Counting) async throws -> Void
    ) async throws {
        let service = Counting()
        try await withFront(upstream, service, Limits(), patience) { try await body($0, service) }
    }

    private func withFront(
        _ upstream: Endpoint, _ handler: any Handler, _ limits: Limits, _ patience: String,
        _ body: (Endpoint) async throws -> Void
    ) async throws {
        let server = try Server(at: upstream, handler: handler, limits: limits)
        let address =
            if case .unix(let path) = server.endpoint { "unix:\(path)" } else { "\(server.endpoint)" }
        try await withFolder { folder in
            let front = folder.appendingPathComponent("front.sock").path
            let file = folder.appendingPathComponent("nginx.conf")
            try configuration(folder, front, address, patience).write(
                to: file, atomically: true, encoding: .utf8)
            let arguments = [
                "-p", folder.path, "-e", folder.appendingPathComponent("log").path, "-c", file.path,
            ]
            // nginx goes into the background once it listens.
            let start = try await Tool.nginx.run(arguments)
            #expect(start.status == 0, "\(start.errors)")
            let result: Result<Void, any Error>
            do { result = .success(try await body(.unix(path: front))) } catch {
                result = .failure(error)
            }
            let stop = try await Tool.nginx.run(arguments + ["-s", "stop"])
            #expect(stop.status == 0, "\(stop.errors)")
            try result.get()
        }
        await server.drain(deadlineMs: 0)
    }

    private func configuration(_ folder: URL, _ front: String, _ address: String, _ patience: String)
        -> String
    {
        """
        \(getuid() == 0 ? "user root;" : "")
        worker_processes 1;
        pid \(folder.path)/pid;
        events { worker_connections 256; }
        http {
            access_log off;
            client_body_temp_path \(folder.path)/body;
            proxy_temp_path \(folder.path)/proxy;
            fastcgi_temp_path \(folder.path)/fastcgi;
            uwsgi_temp_path \(folder.path)/uwsgi;
            scgi_temp_path \(folder.path)/scgi;
            client_max_body_size 0;
            client_header_timeout \(patience);
            client_body_timeout \(patience);
            keepalive_timeout \(patience);
            upstream hub { server \(address); keepalive 4; }
            server {
                listen unix:\(front);
                location / {
                    proxy_pass http://hub;
                    proxy_http_version 1.1;
                    proxy_set_header Connection "";
                    proxy_request_buffering off;
                    proxy_buffering off;
                }
            }
        }

        """
    }

    @Test("requests, streams both ways and keep-alive go through", arguments: upstreams)
    func through(upstream: Endpoint) async throws {
        try await withFront(upstream) { front, _ in
            let transport = try SocketTransport(to: front)
            for number in 0..<20 {
                let response = try await transport.send(Request(.get, path: ["n", "\(number)"]))
                #expect(try await response.body.collect(limit: 10) == Array("\(number)".utf8))
            }
            // One way after the other: nginx stops sending a request's body once it passes on the answer.
            let left = Atomic(200)
            let body = Body {
                left.subtract(1, ordering: .relaxed).newValue < 0
                    ? nil : [UInt8](repeating: 0x61, count: 50_000)
            }
            let up = try await transport.send(Request(.post, path: ["collect"], body: body))
            #expect(try await up.body.collect(limit: 100) == Array("10000000".utf8))
            let down = try await transport.send(Request(.get, path: ["stream", "10000000"]))
            #expect(try await down.body.collect(limit: 10_000_000).count == 10_000_000)
        }
    }

    @Test("a client that goes away behind nginx cancels its parked handler", arguments: upstreams)
    func parked(upstream: Endpoint) async throws {
        try await withFront(upstream) { front, service in
            let transport = try SocketTransport(to: front)
            let task = Task { try await transport.send(Request(.get, path: ["park"])) }
            await service.inner.parked.wait()
            task.cancel()
            await service.inner.cancelled.wait()
        }
    }

    /// Shapes with a second request hidden in the first for one of two readers who disagree.
    static let shapes: [String] = {
        let hidden = "GET /n/hidden HTTP/1.1\r\nHost: a\r\n\r\n"
        let post = "POST /collect HTTP/1.1\r\nHost: a\r\n"
        let count = hidden.utf8.count
        let size = String(count, radix: 16)
        return [
            post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
            post + "Transfer-Encoding: chunked\r\nContent-Length: \(count + 5)\r\n\r\n0\r\n\r\n" + hidden,
            post + "Content-Length: 0\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            post + "Content-Length: \(count), 0\r\n\r\n" + hidden,
            post + "Content-Length: +\(count)\r\n\r\n" + hidden,
            post + "Transfer-Encoding: xchunked\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            post + "Transfer-Encoding : chunked\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            post + "X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            post + "X: a\0\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            post + "Transfer-Encoding: chunked\r\n\r\n0\n\r\n" + hidden,
            post + "Transfer-Encoding: chunked\r\n\r\n0;a\nb\r\n\r\n" + hidden,
            post + "Transfer-Encoding: chunked\r\n\r\n0x\(size)\r\n" + hidden + "\r\n0\r\n\r\n",
            post + "Transfer-Encoding: chunked\r\n\r\n1 \r\nx\r\n0\r\n\r\n" + hidden,
            post + "Transfer-Encoding:\u{b}chunked\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            "POST /collect HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
            "POST /collect HTTP/1.1\nHost: a\nContent-Length: 0\n\n" + hidden,
            // Lengths and codings, said in every odd way.
            post + "Content-Length: \(count)\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            post + "Content-Length: 0\(count)\r\n\r\n" + hidden,
            post + "Content-Length: -\(count)\r\n\r\n" + hidden,
            post + "Content-Length: \(count) \(count)\r\n\r\n" + hidden,
            post + "Content-Length: 0x\(size)\r\n\r\n" + hidden,
            post + "Content-Length: 99999999999999999999\r\n\r\n" + hidden,
            post + "Content-Length:\r\n\r\n" + hidden,
            post + "Content-Length : \(count)\r\n\r\n" + hidden,
            post + "Content_Length: \(count)\r\n\r\n" + hidden,
            post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + hidden,
            post + "Transfer-Encoding: identity\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + hidden,
            post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + hidden,
            post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" + hidden,
            post + "transfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n" + hidden,
            post + "Transfer-Encoding:\tchunked\t\r\n\r\n0\r\n\r\n" + hidden,
            post + "Transfer_Encoding: chunked\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            // Chunks.
            post + "Transfer-Encoding: chunked\r\n\r\n0;a=\"b\r\n\r\n" + hidden,
            post + "Transfer-Encoding: chunked\r\n\r\n0;\r\n\r\n" + hidden,
            post + "Transfer-Encoding: chunked\r\n\r\n00000000000000000000\r\n\r\n" + hidden,
            post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff0\r\n\r\n" + hidden,
            post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + hidden,
            post + "Transfer-Encoding: chunked\r\n\r\n1\r\nxx0\r\n\r\n" + hidden,
            post + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\n0\n\n" + hidden,
            post + "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            post + "Transfer-Encoding: chunked\r\n\r\n0\r\n X: folded\r\n\r\n" + hidden,
            post + "Transfer-Encoding: chunked\r\n\r\n\r\n0\r\n\r\n" + hidden,
            // Lines, names and targets.
            "\r\n\r\n" + post + "Content-Length: 0\r\n\r\n" + hidden,
            "\n" + post + "Content-Length: 0\r\n\r\n" + hidden,
            post + "X: a\rContent-Length: \(count)\r\n\r\n" + hidden,
            post + "X: a\r\n\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            post + ": nothing\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            post + "no colon\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            post + "X Y: z\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            post + "X\0: z\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            post + "Connection: content-length\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            post + "Connection: close, transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
            post + "Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n" + hidden,
            "POST http://b/collect HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            "POST //b/collect HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            "POST /collect HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            "POST /collect HTTP/1.1\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            "POST /collect  HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            "POST\t/collect\tHTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            "POST /collect HTTP/1.1 \r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            "POST /collect HTTP/1.2\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            "POST /collect HTTP/01.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            "POST /collect#\(size) HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            "POST /collect%00 HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            "POST /a/../collect HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            "POST /collect\r\n" + hidden,
            "GET /n/1 HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            "GET /n/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
            "HEAD /n/1 HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + hidden,
            "OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + hidden,
        ]
    }()

    /// What became of a shape: which requests a handler saw, and the statuses of the answers, in order.
    private struct Reading: Equatable, CustomStringConvertible {
        var handled: [String] = []
        var statuses: [Int] = []
        var description: String { "\(handled) → \(statuses)" }
    }

    @Test("nginx and this server read each shape as the same requests; where they differ, one refused it")
    func alike() async throws {
        // Who is still waited for is let go soon.
        var limits = Limits()
        limits.headTimeoutMs = 1000
        limits.bodyTimeoutMs = 1000
        limits.idleTimeoutMs = 1000
        let alone = Recording()
        let behind = Recording()
        let server = try Server(at: .tcp(host: "127.0.0.1", port: 0), handler: alone, limits: limits)
        let last = "GET /n/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        func ask(_ endpoint: Endpoint, _ shape: String, _ recording: Recording) async throws -> Reading {
            let answers = try await onThread {
                let socket = try RawSocket(to: endpoint)
                socket.send(shape + last)
                return try socket.readToEnd()
            }
            let statuses = answers.ranges(of: "HTTP/1.1 ").compactMap { Int(answers[$0.upperBound...].prefix(3)) }
            return Reading(handled: recording.take(), statuses: statuses)
        }
        var refusedByBoth = 0
        var refusedByOne = 0
        try await withFront(Self.upstreams[1], behind, limits, "1s") { front in
            for (index, shape) in Self.shapes.enumerated() {
                let direct = try await ask(server.endpoint, shape, alone)
                let through = try await ask(front, shape, behind)
                // Who refuses closes: of what follows nothing is read. So one list begins the other, and the rest was
                // refused; requests that are both read as others would not be.
                let common = min(direct.handled.count, through.handled.count)
                #expect(
                    direct.handled.prefix(common) == through.handled.prefix(common),
                    "shape \(index): \(direct) directly, \(through) through nginx")
                if direct.handled == through.handled {
                    if direct.handled.isEmpty { refusedByBoth += 1 }
                } else {
                    refusedByOne += 1
                    let refusing = direct.handled.count < through.handled.count ? direct : through
                    #expect(
                        refusing.statuses.contains { $0 >= 400 } || refusing.statuses.isEmpty,
                        "shape \(index): \(direct) directly, \(through) through nginx")
                }
            }
        }
        await server.drain(deadlineMs: 0)
        print("\(Self.shapes.count) shapes: \(refusedByBoth) refused by both, \(refusedByOne) by one of the two")
    }

    @Test("no shape makes more requests of nginx's than it has answers for, or mixes up the next one's")
    func smuggling() async throws {
        let last = "GET /n/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        for upstream in Self.upstreams {
            // A client that nginx still waits for is let go soon.
            try await withFront(upstream, patience: "1s") { front, service in
                for (index, shape) in Self.shapes.enumerated() {
                    let before = service.count.load(ordering: .relaxed)
                    let answers = try await onThread {
                        let socket = try RawSocket(to: front)
                        socket.send(shape + last)
                        return try socket.readToEnd()
                    }
                    let handled = service.count.load(ordering: .relaxed) - before
                    let seen = answers.ranges(of: "X-Number: ").count
                    #expect(handled <= seen, "shape \(index): \(handled) handled, \(seen) answers")
                    // Over the same upstream connections.
                    for number in 0..<4 {
                        let transport = try SocketTransport(to: front)
                        let next = try await transport.send(Request(.get, path: ["n", "\(index)-\(number)"]))
                        let text = String(decoding: try await next.body.collect(limit: 100), as: UTF8.self)
                        #expect(text == "\(index)-\(number)", "after shape \(index)")
                    }
                }
            }
        }
    }
}
