import Foundation
import HTTP
import Presentation
import ReplicaStore
import Replication

/// Makes a node's database: shows the hub the join token and a secret of our own, takes the rows as a ready file.
package enum Joining {
    /// Where a node keeps its secret: beside the database, readable by its owner only.
    package static func secretPath(of database: String) -> String { database + "-samband.secret" }

    /// Joins. Nothing is left at `path` unless all went well. The secret is kept from before the first request,
    /// so that a joining whose answer was lost is simply tried again with the same token.
    ///
    /// - Parameters:
    ///   - path: where the database is to be; nothing may be there.
    ///   - hub: the hub's address, as it is to be remembered.
    /// - Returns: the site's name.
    package static func join(
        path: String, hub: String, token: String, transport: any Transport
    ) async throws(ExchangeError) -> String {
        guard !FileManager.default.fileExists(atPath: path) else {
            throw .store(
                StoreError(
                    .refused, doing: "joining with \(path)", why: "there is a file already",
                    hint: "Name a file that does not exist yet with --db."))
        }
        let secret = try keepSecret(secretPath(of: path))
        let answer = try await ask(transport, token: token, secret: secret)
        let part = path + ".part"
        try await download(to: part, transport, secret)
        do {
            try NodeFile.adopt(part, hub: hub)
        } catch {
            throw .store(error)
        }
        guard rename(part, path) == 0 else { throw .store(failure("putting \(path) in place")) }
        syncFolder(of: path)
        return answer
    }

    private static func keepSecret(_ path: String) throws(ExchangeError) -> String {
        if let known = try? String(contentsOfFile: path, encoding: .utf8) {  // none yet: made below
            return known.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let secret = randomToken()
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .store(failure("keeping the node's secret in \(path)")) }
        defer { close(file) }
        let bytes = Array((secret + "\n").utf8)
        guard write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else {
            throw .store(failure("keeping the node's secret in \(path)"))
        }
        return secret
    }

    private static func ask(
        _ transport: any Transport, token: String, secret: String
    ) async throws(ExchangeError) -> String {
        let body: JSON = ["token": .string(token), "secret": .string(secret)]
        let response: Response
        do {
            response = try await transport.send(
                Request(.post, path: ["v1", "join"], body: Body(bytes: try body.bytes())))
        } catch {
            throw .unreachable("\(error)")
        }
        let bytes = (try? await response.body.collect(limit: 1 << 16)) ?? []  // said below as "no JSON"
        guard let json = try? JSON(parsing: bytes) else {
            throw .unreachable("something other than the hub answered, with status \(response.status)")
        }
        guard response.status == .ok, let site = json["site"]?.string else {
            throw .refused(
                status: response.status.code, title: json["title"]?.string ?? "\(response.status)",
                detail: json["detail"]?.string ?? "", next: json["next"]?.string ?? "")
        }
        return site
    }

    private static func download(
        to path: String, _ transport: any Transport, _ secret: String
    ) async throws(ExchangeError) {
        let response: Response
        do {
            response = try await transport.send(
                Request(
                    .get, path: ["v1", "snapshot"],
                    headers: ["authorization": FieldValue("Bearer \(secret)") ?? ""]))
        } catch {
            throw .unreachable("\(error)")
        }
        guard response.status == .ok, let digest = response.headers["repr-digest"] else {
            throw .unreachable("the hub gave no snapshot but status \(response.status)")
        }
        unlink(path)
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o660)
        guard file >= 0 else { throw .store(failure("writing \(path)")) }
        defer { close(file) }
        var hash = SHA256()
        do {
            while let piece = try await response.body.next() {
                hash.update(piece)
                guard write(file, piece, piece.count) == piece.count else {
                    throw ExchangeError.store(failure("writing \(path)"))
                }
            }
        } catch let error as ExchangeError {
            throw error
        } catch {
            throw .unreachable("the line was cut while the snapshot came (\(error)); join again with the same token")
        }
        guard "sha-256=:\(Base64.encode(hash.finish())):" == digest, fsync(file) == 0 else {
            throw .unreachable("the snapshot was damaged on the way; join again with the same token")
        }
    }

    private static func failure(_ doing: String) -> StoreError {
        StoreError(
            .inputOutput, doing: doing, why: String(cString: strerror(errno)),
            hint: "Look at the folder's rights and the disk's space.")
    }

    private static func syncFolder(of path: String) {
        let folder = path.contains("/") ? String(path[..<path.lastIndex(of: "/")!]) : "."
        let handle = open(folder, O_RDONLY | O_CLOEXEC)
        guard handle >= 0 else { return }
        fsync(handle)
        close(handle)
    }
}
