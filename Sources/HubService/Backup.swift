import Dispatch
import HTTP
import HubDatabase
import JSONText
import Presentation
import SQLite
import Synchronization
import TableModel

/// Makes backups on a thread of their own, one at a time: the hub goes on with its work beside it.
final class BackupMaker: Sendable {
    private let queue = DispatchQueue(label: "samband-backup")
    private let state = Mutex(State())

    private struct State {
        var isRunning = false
        var isInterrupted = false
        /// Of the connection that is at work.
        var handle: InterruptHandle?
    }

    /// - Throws: `StoreError`, also when it is cancelled.
    func make(from hub: String, to path: String, nowMs: UInt64) async throws -> (record: BackupRecord, bytes: UInt64) {
        let isFree = state.withLock { state in
            if state.isRunning { return false }
            state = State(isRunning: true)
            return true
        }
        guard isFree else {
            throw StoreError(
                .busy, doing: "writing a backup to \(path)", why: "another one is being written",
                hint: "Try again when it is done.")
        }
        defer { state.withLock { $0 = State() } }
        do {
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    queue.async { continuation.resume(with: self.result(from: hub, to: path, nowMs: nowMs)) }
                }
            } onCancel: {
                interrupt()
            }
        } catch  where state.withLock({ $0.isInterrupted }) {
            throw BackupMaker.interrupted
        }
    }

    private func result(
        from hub: String, to path: String, nowMs: UInt64
    ) -> Result<(record: BackupRecord, bytes: UInt64), any Error> {
        Result { try BackupFile.make(from: hub, to: path, nowMs: nowMs, onConnection: note) }
    }

    private static let interrupted = StoreError(
        .busy, doing: "writing a backup of the hub", why: "it was interrupted", hint: "Try again.")

    private func note(_ handle: InterruptHandle) throws(StoreError) {
        let isInterrupted = state.withLock { state in
            state.handle = handle
            return state.isInterrupted
        }
        if isInterrupted { throw BackupMaker.interrupted }
    }

    /// Ends the one that is being written, which then leaves nothing behind.
    func interrupt() {
        let handle = state.withLock { state in
            state.isInterrupted = state.isRunning
            return state.handle
        }
        handle?.interrupt()
    }
}

extension HubService {
    /// Writes a verified copy of the database.
    func backup(_ request: Request) async throws(Problem) -> Response {
        // It is read by its name, under which another file may stand.
        try checkFiles()
        guard let path = Message<BackupRequest>(json: try await request.json())?.to, path.utf8.first == 0x2f,
            !path.utf8.contains(0)
        else { throw .incomplete("A backup names the absolute path of a file.", next: "Send to.") }
        // All rows leave the hub with it: recorded before, and whether or not it comes to an end.
        let entry = entry(request, .backup, ["to": .string(path)])
        try answering { () throws(StoreError) in try store.record(entry) }
        let made: (record: BackupRecord, bytes: UInt64)
        do {
            made = try await backups.make(from: self.path, to: path, nowMs: now())
        } catch let error as StoreError {
            throw Problem(error)
        } catch {
            throw Problem(
                type: .bug, title: "The backup failed",
                detail: "\(error).", next: "Please report this.")
        }
        do {
            try store.noteBackup(made.record)
        } catch {
            throw Problem(
                StoreError(
                    error.kind, doing: "noting the backup \(path), which is written and verified", why: error.why,
                    hint: error.hint))
        }
        return try .json([
            "file": .string(path), "bytes": .integer(Int64(made.bytes)), "at": .string(rfc3339(ms: made.record.atMs)),
            "position": .integer(Int64(made.record.position)), "vector": made.record.vector.json,
        ])
    }
}

extension BackupRecord {
    /// What `status` says of it.
    var status: JSON { ["at": .string(rfc3339(ms: atMs)), "position": .integer(Int64(position))] }
}
