import HTTP
import HubDatabase
import Presentation
import Replication
import SQLite
import TableModel

/// The hub without its sockets: requests in, responses out. One writer on its own thread; what waits, waits
/// outside it.
package actor HubService {
    let store: HubStore
    private let executor: DatabaseExecutor
    /// The time in milliseconds since 1970.
    let now: @Sendable () -> UInt64
    let path: String
    let limits: HTTP.Limits
    /// The folder in which snapshots are made; they are unlinked as soon as they are open.
    let folder: String
    private var waiters: [UInt64: Waiter] = [:]
    private var nextWaiter: UInt64 = 0
    /// Waits that a newcomer ended.
    private var displaced: Set<UInt64> = []
    private var isDraining = false
    private var isClockTrusted = false
    private var clockNotes: Task<Void, Never>?
    /// By replica, the push that is being taken in.
    var pushing: [UInt32: PushTurn] = [:]
    var snapshots = SnapshotShelf()
    /// The last runs of each replica's node, in the order in which they came, as far as this process of the hub knows.
    var runs: [UInt32: [String]] = [:]
    /// The epochs that each replica follows, as it said when it greeted last.
    var followed: [UInt32: [Epoch]] = [:]
    /// Where it stands in that order.
    var places: [UInt32: OrderPlace] = [:]
    /// Who has greeted with a secret that this hub, which was restored, does not know.
    var claims = SiteClaims()
    let backups = BackupMaker()
    var failures = CredentialFailures()
    /// By site, what it has asked for that brought nothing, and the snapshots that it may have.
    var budgets: [String: SiteBudget] = [:]
    /// How many of its requests are being held for that.
    var held: [String: Int] = [:]
    var snapshotAllowances: [String: Allowance] = [:]
    var secretAllowances: [String: Allowance] = [:]
    /// False where somebody means to send what is refused, again and again.
    let limitsSites: Bool
    /// By replica, the position up to which it has been given the order by this process.
    var given: [UInt32: UInt64] = [:]

    /// Writes the contacts that no other commit has taken along.
    var contactsTimer: Task<Void, Never>?
    var diskWatch = DiskWatch()

    private struct Waiter {
        let replica: UInt32
        let continuation: CheckedContinuation<Void, Never>
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Opens the hub's database. The caller holds the lock of the file.
    ///
    /// - Parameters:
    ///   - restored: what the caller knows of the file having been put back; it finds out most by itself.
    ///   - limitsSites: whether a site whose requests bring nothing is slowed down.
    ///   - drawReplica: where new replica numbers come from; a test that replays exactly has a seeded source.
    package init(
        path: String, restored: Restoration? = nil, limits: HTTP.Limits = HTTP.Limits(), limitsSites: Bool = true,
        drawReplica: @escaping @Sendable () -> UInt32 = HubStore.randomReplica, now: @escaping @Sendable () -> UInt64
    ) throws(StoreError) {
        self.limitsSites = limitsSites
        executor = DatabaseExecutor(name: "samband-hub")
        store = try HubStore(
            path: path, drawReplica: drawReplica, seat: try HubHighWaterMark(database: path), restored: restored,
            nowMs: now())
        self.now = now
        self.path = path
        self.limits = limits
        let cut = path.lastIndex(of: "/")
        folder = cut.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        SnapshotMaker.removeLeftovers(in: folder)
    }

    /// What sites and operators reach over the network, each what its row of the table lets them.
    package nonisolated var networkHandler: any Handler { CredentialGate(networkRouter, limits) }

    nonisolated var networkRouter: Router {
        router(of: Self.routes) { request, route throws(Problem) in
            try await self.checkFiles()
            let admitted = try await self.admit(request, to: route)
            return Self.routeTable[route]?.access.isForOperators == true ? try await admitted.checkingJSON() : admitted
        }
    }

    /// What the operators of this machine reach through the control socket.
    package nonisolated var operatorHandler: any Handler {
        router(of: Self.routes.filter(\.access.isForOperators)) { request, route throws(Problem) in
            if Self.routeTable[route]?.effect != .reads { try await self.checkClock() }
            var request = request
            request.user = nil
            return try await request.checkingJSON()
        }
    }

    private nonisolated func router(
        of routes: [HubRoute], admission: @escaping @Sendable (Request, Route) async throws(Problem) -> Request
    ) -> Router {
        var router = Router()
        router.add(routes, of: self)
        router.admission = admission
        return router
    }

    // MARK: the clock

    /// Begins to serve: throws when the machine's clock cannot be right and nobody has said that it is. From then on the
    /// time is noted now and again, so that a long silence is no reason to doubt.
    package func begin(acceptClock: Bool) throws(StoreError) {
        if acceptClock { try store.acceptClock(nowMs: now()) } else { try store.checkClock(nowMs: now()) }
        isClockTrusted = true
        try store.noteRunning(nowMs: now())
        clockNotes = Task { [weak self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(Self.clockNoteSeconds))  // cancelled: the loop ends by itself
                await self?.noteRunning()
            }
        }
    }

    private static let clockNoteSeconds = 600

    private func noteRunning() {
        // Only a reason not to doubt later: a failure harms nothing.
        if Task.isCancelled { return }
        try? store.noteRunning(nowMs: now())
        // What has been kept long enough may be kept a while longer.
        try? store.trimAudit(nowMs: now())
    }

    private func checkClock() throws(Problem) {
        if isClockTrusted { return }
        try answering { () throws(StoreError) in try store.checkClock(nowMs: now()) }
        isClockTrusted = true
    }

    /// Nothing is taken from anybody, nor given, while the file does not stand in its place.
    func checkFiles() throws(Problem) {
        diskWatch.look(nowMs: now()) { [store] () throws(StoreError) in try store.checkFiles() }
        try answering { () throws(StoreError) in try store.checkFiles() }
    }

    // MARK: waiting

    /// Waits until the order may have grown, the time is over or the task is cancelled. So many wait per
    /// replica and no more: a newcomer sends the oldest away.
    ///
    /// - Returns: false when it was sent away by a newcomer.
    func waitForWork(_ replica: UInt32, ms: Int) async -> Bool {
        if isDraining { return true }
        let before = waiters.filter { $0.value.replica == replica }.keys.sorted()
        for id in before.prefix(max(0, before.count + 1 - limits.pollsPerSite)) {
            displaced.insert(id)
            wake(id)
        }
        let id = nextWaiter
        nextWaiter += 1
        let timer = Task {
            try? await Task.sleep(for: .milliseconds(ms))  // cancelled: the wait is over anyway
            self.wake(id)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiters[id] = Waiter(replica: replica, continuation: $0) }
        } onCancel: {
            Task { await self.wake(id) }
        }
        timer.cancel()
        return displaced.remove(id) == nil
    }

    /// Ends what replicas have under way: pulls that wait, and pushes and snapshots with what comes next of them.
    func end(_ replicas: [UInt32]) {
        for (id, waiter) in waiters where replicas.contains(waiter.replica) {
            displaced.insert(id)
            wake(id, waiter)
        }
        for replica in replicas {
            endPush(of: replica)
            snapshots.drop(replica)
        }
    }

    private func wake(_ id: UInt64) {
        if let waiter = waiters[id] { wake(id, waiter) }
    }

    private func wake(_ id: UInt64, _ waiter: Waiter) {
        waiters[id] = nil
        waiter.continuation.resume()
    }

    /// Wakes everyone who waits for the order to grow.
    func orderGrew() {
        for (id, waiter) in waiters { wake(id, waiter) }
    }

    /// True while a replica's pull waits here.
    func isConnected(_ replica: UInt32) -> Bool { waiters.values.contains { $0.replica == replica } }

    /// How many pulls wait.
    var waiting: Int { waiters.count }

    /// True while some pull waits.
    var isWaiting: Bool { !waiters.isEmpty }

    /// Sends those who wait away and lets nobody wait any more: the server is about to end.
    package func drain() {
        isDraining = true
        clockNotes?.cancel()
        noteRunning()
        backups.interrupt()
        orderGrew()
    }

    /// Writes SQLite's log back. A request that is still suspended may go on: the file stays open until the process ends.
    package func close() {
        contactsTimer?.cancel()
        // What is lost of it the sites say again.
        try? store.writeContacts()
        store.writeBack()
    }
}
