import HTTP
import NodeDatabase
import Presentation
import Explaining
import Replication
import SQLite
import TableModel

/// A node without its sockets: seals what programs write, pushes it, and takes in what the hub gives out. One
/// writer on its own thread; the exchange with the hub goes through transports that it is handed.
package actor NodeService {
    let store: NodeStore
    private let executor: DatabaseExecutor
    /// The way to the hub, for pushes; and one for the pull that waits.
    let pushTransport: any Transport
    let pullTransport: any Transport
    /// The bearer token; another one after the secrets were changed.
    var secret: String
    /// Where the secrets are kept; nil where this process does not change them.
    let secretsFolder: SecretsFolder?
    /// True while they are being changed.
    var isRotating = false
    /// The time of this machine in milliseconds since 1970.
    let localNow: @Sendable () -> UInt64
    /// Milliseconds from this machine's clock to the hub's.
    var offsetMs: Int64
    /// The last own seq that the hub has said it holds.
    var acknowledged: UInt64
    /// What the hub was last known to hold of us; nil when it has to be greeted first.
    var hubState: Message<PushAnswer>?
    /// False from the start, and from every failure, until the hub has been greeted: before anything else goes either
    /// way, both compare what they remember of each other.
    var isGreeted = false
    /// The greeting that is under way: the two loops share it.
    var greeting: Task<Result<Message<PushAnswer>, ExchangeError>, Never>?
    /// Drawn anew by each process: by it the hub notices two that run at once from one file.
    let run = randomToken()
    /// Another process runs from a copy of this file: we go on as another replica as soon as nothing is on its way.
    var isTwin = false
    /// True while a push is on its way.
    var isPushing = false
    var link: LinkState
    var watchdog: Watchdog
    /// Writes what is noted of the line, if no other commit takes it along.
    var notesTimer: Task<Void, Never>?
    var notesDueMs: UInt64 = 0
    /// What was noted last of the line, but for the time of the contact.
    var shownState = ""
    /// How often the hub has answered.
    var contacts: UInt64 = 0
    /// The pull that is under way, or the last.
    var pullAttempt: PullAttempt?
    /// Before that the hub does not want to be asked again, in milliseconds of this machine.
    var askedToWaitUntilMs: UInt64 = 0
    /// Loops that wait after a failure.
    var pauses: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var nextPause: UInt64 = 0
    /// Raised when something has been sealed; the push loop takes it down.
    private var pushSignal: CheckedContinuation<Void, Never>?
    private var pushIsDue = true

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Opens the node's database. The caller holds the lock of the file.
    ///
    /// - Parameters:
    ///   - push: the way to the hub; nil for a node that is only asked about itself.
    ///   - secret: the bearer token that the node made when it joined.
    ///   - secretsFolder: where that and the other secret are kept.
    package init(
        path: String, push: any Transport, pull: any Transport, secret: String, secretsFolder: SecretsFolder? = nil,
        now: @escaping @Sendable () -> UInt64
    ) throws(StoreError) {
        executor = DatabaseExecutor(name: "samband-node")
        store = try NodeStore(path: path)
        pushTransport = push
        pullTransport = pull
        self.secret = secret
        self.secretsFolder = secretsFolder
        localNow = now
        offsetMs = try store.clockOffsetMs()
        acknowledged = try store.acknowledged()
        let lastContactMs = try store.lastContactMs()
        link = LinkState(isUp: false, sinceMs: lastContactMs ?? now(), lastContactMs: lastContactMs)
        watchdog = Watchdog(file: path)
    }

    /// This machine's time, corrected to the hub's clock.
    var nowMs: UInt64 { UInt64(max(0, Int64(localNow()) + offsetMs)) }

    // MARK: sealing

    /// A program may have committed: seals what is new and lets the push loop know. What keeps it from sealing
    /// is shown by `status`, and tried again at the next commit and at the next contact with the hub.
    package func onCommit() {
        watchdog.disk.look(nowMs: localNow()) { [store] () throws(StoreError) in try store.checkFiles() }
        do {
            if try store.seal(nowMs: nowMs) != nil {
                watchdog.disk.succeeded()
                wantPush()
            }
            watchdog.disk.heldLogBytes = try store.heldLogBytes()
            watchdog.unsealable =
                store.uncaptured.isEmpty
                ? nil
                : "writes to \(store.uncaptured.joined(separator: ", ")) are not noticed any more: the table was dropped "
                    + "and made anew, or its triggers were; join this site again, and keep this file until then"
        } catch {
            watchdog.disk.failed(error, nowMs: localNow())
            // Nothing goes over the line while the file is not where it was.
            if error.fault == .moved { noteLineDown() }
            watchdog.unsealable = error.fault == nil ? "\(error)" : nil
        }
    }

    func wantPush() {
        pushIsDue = true
        pushSignal?.resume()
        pushSignal = nil
    }

    /// Waits until there is something to push, or the task is cancelled.
    func waitForPush() async {
        if pushIsDue {
            pushIsDue = false
            return
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { pushSignal = $0 }
        } onCancel: {
            Task { await self.wantPush() }
        }
        pushIsDue = false
    }

    /// Writes SQLite's log back and notes that nobody keeps the line any more. A request that is still suspended may go
    /// on: the file stays open until the process ends.
    package func close() {
        noteEnd()
        store.writeBack()
    }
}
