import JSONText
import HTTP
import ReplicaStore
import Replication

/// What the hub answers to a greeting.
struct HubAnswer: Sendable {
    /// The hub's replica number, which changes when it is restored.
    let hub: UInt32
    let epochs: [Epoch]
    /// Our last change set that the hub holds, and its digest.
    let known: (seq: UInt64, digest: [UInt8])
    let state: NodeService.PushAnswer
    let timeMs: Int64

    /// Nil when it is not what a hub answers.
    init?(_ json: JSON) {
        guard let hub = json["hub"]?.integer.flatMap({ UInt32(exactly: $0) }), hub > 0,
            let seq = json["known"]?["seq"]?.integer, seq >= 0,
            let digest = json["known"]?["digest"]?.string.flatMap({ Base64.decode($0) }), digest.count == 32,
            let state = NodeService.PushAnswer(json), let timeMs = json["hub_time_ms"]?.integer,
            case .array(let epochs) = json["epochs"]
        else { return nil }
        self.hub = hub
        known = (UInt64(seq), digest)
        self.state = state
        self.timeMs = timeMs
        var read: [Epoch] = []
        for (number, epoch) in epochs.enumerated() {
            guard let hub = epoch["hub"]?.integer.flatMap({ UInt32(exactly: $0) }),
                let base = epoch["base"]?.integer.flatMap({ UInt64(exactly: $0) })
            else { return nil }
            read.append(Epoch(number: UInt64(number), hub: hub, base: base))
        }
        self.epochs = read
    }
}

/// The first exchange of every contact: hub and node compare what they remember of each other, by the numbers of their
/// replicas and by digests, so that a file that was put back or copied is found out before a change set goes either
/// way. (DESIGN, section 8.)
extension NodeService {
    /// Greets the hub; the two loops share one greeting.
    func greet() async throws(ExchangeError) -> PushAnswer {
        let task = greeting ?? Task { await self.greetNow() }
        greeting = task
        let result = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        greeting = nil
        return try result.get()
    }

    private func greetNow() async -> Result<PushAnswer, ExchangeError> {
        do throws(ExchangeError) {
            // A copy of a copy finds out step by step whose file it has.
            for _ in 0..<Self.greetingsAtOnce {
                let before = localNow()
                let response = try await send(pushTransport, .post, ["v1", "hello"], .empty)
                guard let answer = HubAnswer(try await json(response)) else {
                    throw .unreachable("the answer to a greeting is not the hub's")
                }
                measureClock(answer.timeMs, before: before)
                try checkHub(answer)
                guard try fits(answer) else {
                    try await goOnAsAnother(from: answer)
                    continue
                }
                try restamp(answer)
                isGreeted = true
                noteContact()
                return .success(answer.state)
            }
            throw .unreachable("the hub gives one new replica number after the other")
        } catch {
            return .failure(error)
        }
    }

    private static let greetingsAtOnce = 16

    /// What our clock has stamped too far ahead gets stamps that the hub takes. Not while a push is on its way: what is in
    /// it keeps its stamps, and may be taken yet.
    private func restamp(_ answer: HubAnswer) throws(ExchangeError) {
        guard !isPushing, let hubMs = UInt64(exactly: answer.timeMs) else { return }
        _ = try storing { () throws(StoreError) in
            try store.restamp(
                above: answer.known.seq, hubMs: hubMs,
                notice: { "the clock of this machine was wrong: \($0) change sets that it had stamped with a time to come "
                    + "bear the hub's time now" }, nowMs: localNow())
        }
    }

    private func checkHub(_ answer: HubAnswer) throws(ExchangeError) {
        let followed = try storing { () throws(StoreError) in try store.hubReplica() }
        guard answer.hub == followed else {
            throw .store(
                StoreError(
                    .diverged, doing: "greeting the hub",
                    why: "it is replica \(answer.hub), and this database follows replica \(followed)",
                    hint: "The hub was restored from a backup, or the address leads to another one."))
        }
    }

    /// Whether what the hub holds of this replica is what we have sealed.
    private func fits(_ answer: HubAnswer) throws(ExchangeError) -> Bool {
        let known = answer.known
        if known.seq == 0 { return true }
        return try storing { () throws(StoreError) in try store.digest(ofOwn: known.seq) } == known.digest
    }
}
