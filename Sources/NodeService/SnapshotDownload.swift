import Foundation
import HTTP
import JSONText
import Presentation
import Replication

/// Takes the snapshot of the hub into a file. A line that is cut is tried again behind what has come, as long as each
/// attempt brings something: a file that is larger than what goes through between two cuts arrives as well.
struct SnapshotDownload {
    let path: String
    let transport: any Transport
    let secret: String
    /// How long to wait before it is asked for again.
    let pause: Duration

    /// After so many attempts, one after the other, that brought nothing, it is given up.
    private static let fruitless = 3
    /// A hub that is busy says so at once or after some seconds. So many times it is asked again.
    private static let patience = 60

    /// What has come of the one snapshot that is being taken.
    private struct Taken {
        var bytes = 0
        var hash = SHA256()
        var digest: String?
        var tag: String?
    }

    /// - Throws: `.unreachable` when the hub cannot be reached any more or what came is not its own; `.refused` as the
    ///   hub has it; `.store` when the file cannot be written.
    func run() async throws(ExchangeError) {
        unlink(path)
        // Programs of its group may write it as far as the umask lets them, as in a file that SQLite made.
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o660)
        guard file >= 0 else { throw .store(Joining.failure("writing \(path)")) }
        defer { close(file) }
        var taken = Taken()
        var (attemptsLeft, patienceLeft) = (Self.fruitless, Self.patience)
        while true {
            let before = taken.bytes
            do {
                try await take(file, &taken)
                break
            } catch {
                if case .refused(status: 503, _, _, _) = error, patienceLeft > 0 {
                    patienceLeft -= 1
                    try await wait()
                    continue
                }
                // Before anything has come, whoever joins is told at once; a full disk does not pass by itself either.
                guard case .unreachable = error, taken.tag != nil else { throw error }
                attemptsLeft = taken.bytes > before ? Self.fruitless : attemptsLeft - 1
                if attemptsLeft == 0 { throw error }
            }
            try await wait()
        }
        guard let digest = taken.digest, "sha-256=:\(Base64.encode(taken.hash.finish())):" == digest,
            fsync(file) == 0
        else { throw .unreachable("the snapshot was damaged on the way; join again with the same token") }
    }

    private func wait() async throws(ExchangeError) {
        do {
            try await Task.sleep(for: pause)
        } catch {
            throw .unreachable("the joining was ended while the snapshot came")
        }
    }

    /// One request: the whole file, or what is missing of it.
    private func take(_ file: Int32, _ taken: inout Taken) async throws(ExchangeError) {
        let response = try await ask(taken)
        if response.status == .partialContent {
            guard response.headers["repr-digest"] == taken.digest,
                response.headers["content-range"]?.hasPrefix("bytes \(taken.bytes)-") == true
            else { throw .unreachable("the answer is another part of the snapshot than was asked for") }
        } else {
            guard ftruncate(file, 0) == 0, lseek(file, 0, SEEK_SET) == 0 else {
                throw .store(Joining.failure("writing \(path)"))
            }
            taken = Taken()
            taken.digest = response.headers["repr-digest"]
            taken.tag = response.headers["etag"]
        }
        do {
            while let piece = try await response.body.next() {
                try Self.write(piece, to: file, path)
                taken.hash.update(piece)
                taken.bytes += piece.count
            }
        } catch let error as ExchangeError {
            throw error
        } catch {
            throw .unreachable("the line was cut while the snapshot came (\(error)); join again with the same token")
        }
    }

    private func ask(_ taken: Taken) async throws(ExchangeError) -> Response {
        var headers: Headers = ["authorization": FieldValue("Bearer \(secret)") ?? ""]
        if taken.bytes > 0, let tag = taken.tag.flatMap({ FieldValue($0) }) {
            headers.set("range", FieldValue("bytes=\(taken.bytes)-")!)
            headers.set("if-range", tag)
        }
        let response: Response
        do {
            response = try await transport.send(Request(.get, path: ["v1", "snapshot"], headers: headers))
        } catch {
            throw .unreachable("\(error)", LineFault(error))
        }
        let isFile = response.status == .ok || response.status == .partialContent && taken.bytes > 0
        if isFile, response.headers["content-type"] != "application/vnd.sqlite3" {
            let fault = LineFault(response)
            throw .unreachable("\(fault.words.what), with status \(response.status); \(fault.words.next)", fault)
        }
        if response.headers["content-type"] == "application/problem+json",
            let bytes = try? await SmallAnswer.bytes(of: response, limit: 1 << 16),  // else as below
            let problem = try? JSON(parsing: bytes)
        {
            throw .refused(
                status: response.status.code, title: problem["title"]?.string ?? "\(response.status)",
                detail: problem["detail"]?.string ?? "", next: problem["next"]?.string ?? "")
        }
        guard isFile, response.headers["repr-digest"] != nil else {
            throw .unreachable("the hub gave no snapshot but status \(response.status)")
        }
        return response
    }

    private static func write(_ piece: [UInt8], to file: Int32, _ path: String) throws(ExchangeError) {
        var written = 0
        while written < piece.count {
            let count = piece[written...].withUnsafeBytes { Foundation.write(file, $0.baseAddress!, $0.count) }
            guard count > 0 else { throw .store(Joining.failure("writing \(path)")) }
            written += count
        }
    }
}
