import Foundation
import HTTP
import JSONText
import NodeDatabase
import Presentation
import Replication
import TableModel

/// Makes a node's database: shows the hub the join token and a secret of our own, takes the rows as a ready file.
package enum Joining {
    /// Where a node keeps its bearer token.
    package static func secretPath(of database: String) -> String { SecretsFolder(of: database).tokenPath }

    /// Joins. Nothing is left at `path` unless all went well. The secrets are kept from before the first request,
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
                    .misused, doing: "joining with \(path)", why: "there is a file already",
                    hint: "Name a file that does not exist yet with --db."))
        }
        // SQLite would take what an earlier database of this name has left in its log for the new one's.
        for end in companions where FileManager.default.fileExists(atPath: path + end) {
            throw .store(
                StoreError(
                    .misused, doing: "joining with \(path)",
                    why: "\(path + end) is there, which belonged to another database of this name",
                    hint: "It may hold what was written last there: put it back together with its database, or move it "
                        + "away."))
        }
        let folder = SecretsFolder(of: path)
        let secrets: NodeSecrets
        do {
            secrets = try folder.secrets(forJoinDigest: Base64.encode(SHA256.digest(Array(token.utf8))))
        } catch {
            throw ExchangeError.store(error)
        }
        let answer = try await ask(transport, token: token, secrets)
        let part = path + ".part"
        // What a joining that was killed has left.
        remove(part)
        do throws(ExchangeError) {
            try await SnapshotDownload(path: part, transport: transport, secret: secrets.token, pause: pause).run()
            do {
                try NodeFile.adopt(part, hub: hub, site: answer.site, replica: answer.replica)
                try folder.keep(secrets)
            } catch {
                throw ExchangeError.store(error)
            }
            guard rename(part, path) == 0 else { throw ExchangeError.store(failure("putting \(path) in place")) }
        } catch {
            // Rows of patients: nothing of them stays behind.
            remove(part)
            throw error
        }
        folder.endJoining()
        SecretsFolder.sync(Joining.folder(of: path))
        return answer.site
    }

    private static let companions = ["-journal", "-wal", "-shm"]

    private static func remove(_ database: String) { for end in [""] + companions { unlink(database + end) } }

    private static func ask(
        _ transport: any Transport, token: String, _ secrets: NodeSecrets
    ) async throws(ExchangeError) -> Message<JoinAnswer> {
        let asked = Message<JoinRequest> {
            ($0.secret, $0.bundleKey, $0.token) = (secrets.token, secrets.bundleKey, token)
        }
        let response: Response
        do {
            let bytes = try asked.json.bytes()
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
        let answer = json.flatMap { Message<JoinAnswer>(json: $0) }
        guard let json, isProblem || response.status == .ok && answer != nil else {
            let fault = LineFault(response)
            throw .unreachable(
                "\(fault.words.what), with status \(response.status); \(fault.words.next)", fault)
        }
        guard response.status != .ok || ContentDigest.fits(bytes, response.headers) else {
            throw .unreachable("the answer is not the hub's, or was damaged on the way; join again with the same token")
        }
        guard response.status == .ok, let answer else {
            throw .refused(
                status: response.status.code, title: json["title"]?.string ?? "\(response.status)",
                detail: json["detail"]?.string ?? "", next: json["next"]?.string ?? "")
        }
        return answer
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
}
