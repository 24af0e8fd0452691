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

    static let upstreams = [Endpoint.tcp(host: "127.0.0.1", port: 0), .unix(path: temporaryPath())]

    /// Starts nginx on a Unix socket in front of a server, and stops both.
    private func withFront(
        _ upstream: Endpoint, patience: String = "60s", _ body: (Endpoint, Counting) async throws -> Void
    ) async throws {
        let service = Counting()
        let server = try Server(at: upstream, handler: service)
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
            do { result = .success(try await body(.unix(path: front), service)) } catch {
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
        ]
    }()

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
