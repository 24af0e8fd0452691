import JSONText
import Replication

/// What is known of the line to the hub.
struct LinkState: Sendable {
    var isUp: Bool
    var sinceMs: UInt64
    var lastContactMs: UInt64?
}

/// The state of the line, and what of it is kept in the file for applications to read.
extension NodeService {
    /// Milliseconds that the hub has to begin an answer, beyond what it has to do for it.
    static let answerMs = 4_000
    /// What is noted waits this long for another commit to take it along.
    static let notesMs: UInt64 = 1_000
    /// A contact that nothing else came of is written this often.
    static let contactMs: UInt64 = 30_000

    /// The hub has answered.
    func noteContact() {
        let now = localNow()
        link.lastContactMs = now
        let wasUp = link.isUp
        if !wasUp {
            // A call that was under way when the line went down is on a line of then.
            if let pull = pullAttempt, pull.sinceMs < link.sinceMs { pull.cancel() }
            link.isUp = true
            link.sinceMs = now
            endPauses()
        }
        contacts += 1
        showLink()
    }

    func succeeded(_ part: Watchdog.Part) {
        watchdog.succeeded(part)
        lookAtDisk()
        showLink()
    }

    func failed(_ part: Watchdog.Part, _ error: ExchangeError) {
        isGreeted = false
        watchdog.failed(part, error, nowMs: localNow())
        switch error {
        case .refused: noteContact()
        // Nothing goes over the line while the file is not where it was.
        case .store(let error) where error.fault == .moved: noteLineDown()
        // The line is not what is wrong.
        case .store: break
        case .unreachable: noteLineDown()
        }
        lookAtDisk()
        showLink()
    }

    func noteLineDown() {
        guard link.isUp else { return }
        link.isUp = false
        link.sinceMs = localNow()
    }

    /// What could not be written may be possible now.
    private func lookAtDisk() {
        guard watchdog.disk.isFailing else { return }
        onCommit()
        showLink()
        if watchdog.disk.isFailing { keepNotes(after: 0) }
    }

    /// The node ends: what applications read must not say "up" until somebody starts it again.
    func noteEnd() {
        noteLineDown()
        showLink()
        notesTimer?.cancel()
        notesTimer = nil
        // A disk that does not take it now has what it took last.
        try? store.writeLineNotes()
    }

    /// A change of the state is written at once, and a contact alone when it suits.
    private func showLink() {
        let trouble = watchdog.sentence
        store.noteLink(
            isUp: link.isUp, since: rfc3339(ms: link.sinceMs), lastContact: link.lastContactMs.map { rfc3339(ms: $0) },
            lastContactMs: link.lastContactMs, trouble: trouble)
        let state = "\(link.isUp) \(link.sinceMs) \(trouble ?? "")"
        keepNotes(after: state == shownState ? Self.contactMs : 0)
        shownState = state
    }

    /// Writes what is noted, after a while, so that another commit may take it along.
    func keepNotes(after ms: UInt64) {
        if ms == 0 { return writeNotes() }
        let dueMs = localNow() + ms
        if notesTimer != nil, notesDueMs <= dueMs { return }
        notesTimer?.cancel()
        notesDueMs = dueMs
        notesTimer = Task {
            try? await Task.sleep(for: .milliseconds(ms))  // cancelled: another one writes
            if !Task.isCancelled { self.writeNotes() }
        }
    }

    private func writeNotes() {
        notesTimer?.cancel()
        notesTimer = nil
        do {
            try store.writeLineNotes()
            watchdog.disk.wroteNote(nowMs: localNow())
        } catch {
            watchdog.disk.failed(error, nowMs: localNow())
        }
    }
}
