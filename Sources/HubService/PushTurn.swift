import HTTP
import HubDatabase
import Presentation
import Replication
import TableModel

/// The push of a replica that is being taken in. A newer one takes its place: the line of the former may be dead without
/// a word, and its node would wait for it in vain.
final class PushTurn {
    var intake: PushIntake
    private(set) var isReplaced = false
    /// True once something new of it is here.
    private(set) var hasBrought = false
    /// Microseconds that it has cost so far.
    private(set) var usedUs = RequestCost.request

    init(replica: UInt32) { intake = PushIntake(replica: replica) }

    func take(_ piece: [UInt8], _ store: HubStore, nowMs: UInt64) throws {
        let before = threadTimeUs()
        defer {
            usedUs += threadTimeUs() - before + Double(piece.count) * RequestCost.bodyByte
            if intake.hasIngested || intake.hasStaged { hasBrought = true }
        }
        try intake.take(piece, store, nowMs: nowMs)
    }

    /// Nothing more of it is taken, and memory holds nothing of it: its line may stay open for long.
    func end() {
        isReplaced = true
        intake = PushIntake(replica: intake.replica)
    }

    static let replaced = Problem(
        type: .replaced, title: "A newer push has taken its place",
        detail: "Another push with the same credential began while this one was being taken in.",
        next: "See that one process only runs the site, and that its machine was not copied.")
}

extension HubService {
    /// Ends what is left of a push that this replica began before; what came whole of it is kept.
    func endPush(of replica: UInt32) {
        guard let former = pushing.removeValue(forKey: replica) else { return }
        do { try former.intake.keepRest(store) } catch { diskWatch.failed(error, nowMs: now()) }
        former.end()
    }

    /// What has come of a push that is being taken in counts as here: its line may be dead, and its node asks.
    func keepPush(of replica: UInt32) {
        // What cannot be kept is sent again.
        do { try pushing[replica]?.intake.keepRest(store) } catch { diskWatch.failed(error, nowMs: now()) }
    }

    func beginPush(of replica: UInt32) -> PushTurn {
        endPush(of: replica)
        let turn = PushTurn(replica: replica)
        pushing[replica] = turn
        return turn
    }

    /// What the store could not do for a request, as its answer, and for `status`.
    func problem(_ error: StoreError) -> Problem {
        diskWatch.failed(error, nowMs: now())
        return Problem(error)
    }

    /// Milliseconds in which another commit may take along how far the sites have come.
    private static let contactsMs = 5_000

    /// Sees to it that how far the sites have come gets to the disk.
    func keepContacts() {
        guard contactsTimer == nil else { return }
        contactsTimer = Task {
            try? await Task.sleep(for: .milliseconds(Self.contactsMs))  // cancelled: the hub ends and writes them
            if Task.isCancelled { return }
            self.writeContacts()
        }
    }

    private func writeContacts() {
        contactsTimer = nil
        do {
            try store.writeContacts()
            diskWatch.wroteNote(nowMs: now())
            diskWatch.heldLogBytes = try store.heldLogBytes()
        } catch {
            diskWatch.failed(error, nowMs: now())
        }
    }
}
