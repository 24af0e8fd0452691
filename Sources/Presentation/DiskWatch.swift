import JSONText
import TableModel

/// What keeps a database from being written, and since when, told in one sentence; a value without a clock.
package struct DiskWatch: Sendable {
    private var fault: StoreError.Fault?
    private var sinceMs: UInt64 = 0
    private var moved: StoreError?
    private var lastMs: UInt64 = 0
    /// The write-ahead log's size when a reader keeps it from being written back.
    package var heldLogBytes: UInt64?

    package init() {}

    /// A write or a reading has failed. What is no matter of the disk changes nothing.
    package mutating func failed(_ error: StoreError, nowMs: UInt64) {
        guard let found = error.fault else { return }
        // It failed all the time meanwhile, if differently.
        if fault == nil { sinceMs = nowMs }
        if found == .moved { moved = error }
        fault = found
        lastMs = nowMs
    }

    /// Looks whether the files stand in their places; what was moved back is no trouble any more.
    package mutating func look(nowMs: UInt64, _ check: () throws(StoreError) -> Void) {
        do throws(StoreError) {
            try check()
            if fault == .moved { fault = nil }
        } catch {
            failed(error, nowMs: nowMs)
        }
    }

    /// What is to be written was written: the cause is gone.
    package mutating func succeeded() { fault = nil }

    /// A note was written, for which there may be room where there is none for more: the cause is gone when nothing else
    /// has failed for a while, though it is tried again.
    package mutating func wroteNote(nowMs: UInt64) {
        if nowMs > lastMs + 10_000 { fault = nil }
    }

    package var isFailing: Bool { fault != nil }

    /// What is wrong, since when, and what to do; nil when nothing is.
    package func sentence(file: String) -> String? {
        if let moved, fault == .moved { return "\(moved.why), noticed at \(rfc3339(ms: sinceMs)). \(moved.hint)" }
        if let fault {
            let (what, next): (String, String) =
                switch fault {
                case .diskFull: ("the disk of \(file) is full", "make room there")
                case .readOnly: ("\(file) can be read but not written", "let its file system be written again")
                case .inputOutput: ("the disk of \(file) fails", "look at the disk and at the system's log")
                case .locked:
                    (
                        "another program keeps \(file) locked with a write transaction that it does not end",
                        "end that program's transaction"
                    )
                case .moved: ("\(file) does not stand in its place any more", "put it back, or start this process anew")
                case .damaged:
                    ("SQLite finds \(file) damaged", "stop, keep the file, and check it: PRAGMA integrity_check")
                }
            return "\(what), since \(rfc3339(ms: sinceMs)); \(next). Nothing is lost, and it goes on by itself then"
        }
        guard let heldLogBytes else { return nil }
        return "the write-ahead log of \(file) has grown to \(heldLogBytes >> 20) MiB, for a program reads in one "
            + "transaction that it does not end; end that program's transaction. It shrinks by itself then"
    }
}
