import Foundation
import HTTP
import JSONText
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
    ///   - pause: how long to wait before the rest of the rows is asked for, when the line was cut.
    /// - Returns: the site's name.
    package static func join(
        path: String, hub: String, token: String, transport: any Transport, pause: Duration = .seconds(1)
    ) async throws(ExchangeError) -> String {
        guard !FileManager.default.fileExists(atPath: path) else {
            throw .store(
                StoreError(
                    .refused, doing: "joining with \(path)", why: "there is a file already",
                    hint: "Name a file that does not exist yet with --db."))
        }
        let joining = path + "-samband.joining"
        let secret = try keepSecret(joining, for: token)
        let answer = try await ask(transport, token: token, secret: secret)
        let part = path + ".part"
        do throws(ExchangeError) {
            try await SnapshotDownload(path: part, transport: transport, secret: secret, pause: pause).run()
            do {
                try NodeFile.adopt(part, hub: hub, site: answer.site, replica: answer.replica)
            } catch {
                throw ExchangeError.store(error)
            }
            try put(Array((secret + "\n").utf8), at: secretPath(of: path), "keeping the node's secret")
            guard rename(part, path) == 0 else { throw ExchangeError.store(failure("putting \(path) in place")) }
        } catch {
            // Rows of patients: nothing of them stays behind.
            for end in ["", "-journal", "-wal", "-shm"] { unlink(part + end) }
            throw error
        }
        unlink(joining)
        syncFolder(of: path)
        return answer.site
    }

    /// The secret that was made for this token, else a new one, kept from before the hub is asked. One made for another
    /// token is never shown: it may be the secret of another site.
    private static func keepSecret(_ path: String, for token: String) throws(ExchangeError) -> String {
        let digest = Base64.encode(SHA256.digest(Array(token.utf8)))
        if let known = try? String(contentsOfFile: path, encoding: .utf8) {  // none yet: made below
            let lines = known.split(separator: "\n")
            if lines.count == 2, lines[0] == digest, lines[1].utf8.count >= 32 { return String(lines[1]) }
        }
        let secret = randomToken()
        try put(Array("\(digest)\n\(secret)\n".utf8), at: path, "keeping the node's secret")
        return secret
    }

    /// Writes a small file, readable by its owner only, whole or not at all.
    private static func put(_ bytes: [UInt8], at path: String, _ doing: String) throws(ExchangeError) {
        let new = path + ".new"
        unlink(new)
        let file = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .store(failure("\(doing) in \(path)")) }
        let isWritten = write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0
        close(file)
        guard isWritten, rename(new, path) == 0 else {
            unlink(new)
            throw .store(failure("\(doing) in \(path)"))
        }
        syncFolder(of: path)
    }

    private static func ask(
        _ transport: any Transport, token: String, secret: String
    ) async throws(ExchangeError) -> (site: String, replica: UInt32) {
        let body: JSON = ["token": .string(token), "secret": .string(secret)]
        let response: Response
        do {
            let bytes = try body.bytes()
            response = try await transport.send(
                Request(
                    .post, path: ["v1", "join"], headers: [ContentDigest.name: ContentDigest.field(of: bytes)],
                    body: Body(bytes: bytes)))
        } catch {
            throw .unreachable("\(error)", LineFault(error))
        }
        let bytes = (try? await SmallAnswer.bytes(of: response, limit: 1 << 16)) ?? []  // said below as "no JSON"
        let json = try? JSON(parsing: bytes)
        let isProblem = response.headers["content-type"] == "application/problem+json"
        guard let json, isProblem || response.status == .ok && json["replica"]?.integer != nil else {
            let fault = LineFault(response)
            throw .unreachable(
                "\(fault.words.what), with status \(response.status); \(fault.words.next)", fault)
        }
        guard response.status != .ok || ContentDigest.fits(bytes, response.headers) else {
            throw .unreachable("the answer is not the hub's, or was damaged on the way; join again with the same token")
        }
        guard response.status == .ok, let site = json["site"]?.string,
            let replica = json["replica"]?.integer.flatMap({ UInt32(exactly: $0) })
        else {
            throw .refused(
                status: response.status.code, title: json["title"]?.string ?? "\(response.status)",
                detail: json["detail"]?.string ?? "", next: json["next"]?.string ?? "")
        }
        return (site, replica)
    }

    static func failure(_ doing: String) -> StoreError {
        StoreError(
            .inputOutput, doing: doing, why: String(cString: strerror(errno)),
            hint: "Look at the folder's rights and the disk's space.")
    }

    /// The folder that a path is in.
    static func folder(of path: String) -> String {
        guard let cut = path.lastIndex(of: "/") else { return "." }
        return cut == path.startIndex ? "/" : String(path[..<cut])
    }

    private static func syncFolder(of path: String) {
        let folder = folder(of: path)
        let handle = open(folder, O_RDONLY | O_CLOEXEC)
        guard handle >= 0 else { return }
        fsync(handle)
        close(handle)
    }
}
