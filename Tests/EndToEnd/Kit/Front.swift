import Foundation
import TestKit
import Testing

/// nginx in front of a hub as Deploy/nginx has it, under a certificate authority of its own; and beside it servers with
/// certificates that nobody should trust.
struct Front {
    /// What is at a port of this machine.
    enum Server: String, CaseIterable {
        case hub, expired
        case anotherName = "another-name"
        case anotherAuthority = "another-authority"
    }

    private let folder: String
    private let ports: [Server: UInt16]

    /// Makes the authorities and the certificates.
    init(in folder: String) throws {
        self.folder = folder
        var ports: [Server: UInt16] = [:]
        for server in Server.allCases { ports[server] = try Front.freePort() }
        self.ports = ports
        for authority in ["authority", "foreign"] {
            try openssl(
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", "/CN=Samband test \(authority)", "-keyout", path("\(authority).key"), "-out",
                path("\(authority).pem"), "-addext", "basicConstraints=critical,CA:true")
        }
        for server in Server.allCases {
            try certificate(
                server, name: server == .anotherName ? "other.example" : "localhost",
                days: server == .expired ? -1 : 10, by: server == .anotherAuthority ? "foreign" : "authority")
        }
    }

    /// Where the hub is to listen.
    var socket: String { path("hub.sock") }
    func port(_ server: Server) -> UInt16 { ports[server]! }
    func address(_ server: Server = .hub) -> String { "https://localhost:\(port(server))" }

    /// Runs a program where the authority of these tests is the one that the system trusts, and no other: URLSession on
    /// Linux knows only the system's store.
    var trusting: [String] {
        [
            "/usr/bin/unshare", "--mount", "/bin/sh", "-c",
            "mount --bind '\(path("authority.pem"))' /etc/ssl/certs/ca-certificates.crt && exec \"$@\"", "sh",
        ]
    }

    /// The rights and programs that all this takes.
    static let isPossible: ConditionTrait = .enabled(
        if: ProcessInfo.processInfo.environment["CI"] != nil
            || getuid() == 0 && ChildProgram.find("openssl") != nil && nginx != nil && canMount,
        "it takes root, openssl, nginx and mount namespaces")

    static var nginx: String? {
        ChildProgram.find("nginx")
            ?? (FileManager.default.isExecutableFile(atPath: "/usr/sbin/nginx") ? "/usr/sbin/nginx" : nil)
    }

    private static var canMount: Bool {
        (try? ChildProgram.run("unshare", ["--mount", "true"]))?.status == 0
    }

    /// From the next start on the hub's own server shows the certificate of another.
    func present(_ server: Server) throws {
        for end in ["pem", "key"] {
            try Data(contentsOf: URL(fileURLWithPath: path("\(server.rawValue).\(end)")))
                .write(to: URL(fileURLWithPath: path("hub.\(end)")))
        }
    }

    /// Starts nginx; it ends with the fleet.
    func start(_ fleet: RealFleet) async throws {
        let file = path("nginx.conf")
        try configuration().write(toFile: file, atomically: false, encoding: .utf8)
        let process = try fleet.spawn(
            "nginx", Self.nginx ?? "nginx", ["-p", folder, "-e", path("nginx.log"), "-c", file])
        try await until("nginx listens") {
            if let status = process.ended {
                let log = (try? String(contentsOfFile: path("nginx.log"), encoding: .utf8)) ?? ""
                throw ChildProcess.Failure(description: "nginx ended with \(status): \(log)\(process.errors)")
            }
            return Front.isListening(port(.hub))
        }
    }

    /// Deploy/nginx/samband.conf with the places of this test, and the servers that it has not.
    private func configuration() throws -> String {
        let shipped = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../Deploy/nginx/samband.conf").standardized
        let site = try String(contentsOf: shipped, encoding: .utf8)
            .replacing("    listen [::]:443 ssl;\n", with: "")
            .replacing("listen 443 ssl;", with: "listen 127.0.0.1:\(port(.hub)) ssl;")
            .replacing("unix:/run/samband/hub.sock", with: "unix:\(socket)")
            .replacing("/etc/samband/tls/hub.pem", with: path("hub.pem"))
            .replacing("/etc/samband/tls/hub.key", with: path("hub.key"))
            .replacing("hub.example", with: "localhost")
        #expect(!site.contains(" 443 ") && !site.contains("/run/"))
        let others = Server.allCases.filter { $0 != .hub }.map { server in
            """
            server {
                listen 127.0.0.1:\(port(server)) ssl;
                ssl_certificate \(path("\(server.rawValue).pem"));
                ssl_certificate_key \(path("\(server.rawValue).key"));
                location / { proxy_pass http://samband_hub; }
            }
            """
        }
        let scratch = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
            "\($0)_temp_path \(path("nginx-\($0)"));"
        }
        return """
            \(getuid() == 0 ? "user root;" : "")
            daemon off;
            master_process off;
            pid \(path("nginx.pid"));
            events { worker_connections 512; }
            http {
            access_log off;
            \(scratch.joined(separator: "\n"))
            \(site)
            \(others.joined(separator: "\n"))
            }

            """
    }

    private func path(_ name: String) -> String { "\(folder)/\(name)" }

    private func certificate(_ server: Server, name: String, days: Int, by authority: String) throws {
        let base = path(server.rawValue)
        try "subjectAltName=DNS:\(name)\n".write(toFile: base + ".ext", atomically: false, encoding: .utf8)
        try openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(name)", "-keyout",
            base + ".key", "-out", base + ".csr")
        try openssl(
            "x509", "-req", "-in", base + ".csr", "-CA", path("\(authority).pem"), "-CAkey", path("\(authority).key"),
            "-CAcreateserial", "-days", "\(days)", "-extfile", base + ".ext", "-out", base + ".pem")
    }

    private func openssl(_ words: String...) throws {
        let answer = try ChildProgram.run("openssl", words)
        guard answer.status == 0 else {
            throw ChildProcess.Failure(description: "openssl \(words.joined(separator: " ")): \(answer.errors)")
        }
    }

    private static func freePort() throws -> UInt16 {
        let (descriptor, port) = try bound(0)
        close(descriptor)
        return port
    }

    private static func isListening(_ port: UInt16) -> Bool {
        // Who listens there keeps others from it.
        guard let (descriptor, _) = try? bound(port) else { return true }
        close(descriptor)
        return false
    }

    private static func bound(_ port: UInt16) throws -> (Int32, UInt16) {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard isBound else {
            close(descriptor)
            throw ChildProcess.Failure(description: "port \(port) is taken")
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }
}
