import HTTP
import JSONText
import Replication
import TableModel

/// What the hub answers to a greeting.
struct HubAnswer: Sendable {
    /// The hub's replica number, which changes when it is restored.
    let hub: UInt32
    let epochs: [Epoch]
    /// Our last change set that the hub holds, and its digest.
    let known: (seq: UInt64, digest: [UInt8])
    let state: NodeService.PushAnswer
    let timeMs: Int64
    /// Another machine acts as the same replica.
    let isTwin: Bool
    /// What is to be done before anything else; nil when we follow this very hub.
    let recovery: RecoveryStep?

    /// Change sets of the lost hub's order that this one could not take in.
    let leftOut: Set<Dot>

    /// Nil when it is not what a hub answers.
    init?(_ json: JSON) {
        guard let hub = json["hub"]?.integer.flatMap({ UInt32(exactly: $0) }), hub > 0,
            let seq = json["known"]?["seq"]?.integer, seq >= 0,
            let digest = json["known"]?["digest"]?.string.flatMap({ Base64.decode($0) }), digest.count == 32,
            let state = NodeService.PushAnswer(json), let timeMs = json["hub_time_ms"]?.integer,
            let epochs = json["epochs"].flatMap({ [Epoch](json: $0) }), let recovery = json["recovery"]
        else { return nil }
        if recovery == .null {
            self.recovery = nil
        } else {
            guard let step = RecoveryStep(json: recovery) else { return nil }
            self.recovery = step
        }
        self.hub = hub
        known = (UInt64(seq), digest)
        self.state = state
        self.timeMs = timeMs
        isTwin = json["twin"]?.bool ?? false
        leftOut = Set((json["recovery"]?["without"]?.array ?? []).compactMap { $0.string.flatMap { Dot($0) } })
        self.epochs = epochs
    }
}

/// The first exchange of every contact: hub and node compare what they remember of each other, by the numbers of their
/// replicas and by digests, so that a file that was put back or copied is found out before a change set goes either
/// way. (Protocol/Merge-Model.md#split)
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
        let result = await greetOnce()
        if case .failure(.refused(status: 401, _, _, _)) = result, await introduceAgain() { return await greetOnce() }
        return result
    }

    private func greetOnce() async -> Result<PushAnswer, ExchangeError> {
        do throws(ExchangeError) {
            // After a restoration of the hub: hand in, then follow. After one of our file: go on as another replica, and a copy
            // of a copy finds out step by step whose file it has. Each step is one greeting further.
            var answer = try await hello()
            for _ in 0..<Self.stepsAtOnce {
                if let step = answer.recovery {
                    store.leftOut = answer.leftOut
                    try await recover(step, hub: answer.hub)
                } else {
                    let isOurs = try fits(answer)
                    if isOurs, try !mustPart(answer) { break }
                    try await goOnAsAnother(from: answer)
                }
                answer = try await hello()
            }
            guard answer.recovery == nil else {
                throw .unreachable("the hub, which was restored from a backup, does not go on yet")
            }
            guard try fits(answer) else {
                throw .unreachable("the hub gives one new replica number after the other")
            }
            try restamp(answer)
            isGreeted = true
            noteContact()
            return .success(answer.state)
        } catch {
            return .failure(error)
        }
    }

    private static let stepsAtOnce = 16

    /// Whether another machine runs from the same file and nothing of ours is on its way any more. (What both have sealed
    /// goes to the hub once, under the number that both had.)
    private func mustPart(_ answer: HubAnswer) throws(ExchangeError) -> Bool {
        isTwin = answer.isTwin
        guard isTwin, !isPushing else { return false }
        return try storing { () throws(StoreError) in try store.sealedSeq() } == answer.known.seq
    }

    /// What our clock has stamped too far ahead gets stamps that the hub takes. Not while a push is on its way: what is in
    /// it keeps its stamps, and may be taken yet.
    private func restamp(_ answer: HubAnswer) throws(ExchangeError) {
        guard !isPushing, let hubMs = UInt64(exactly: answer.timeMs) else { return }
        _ = try storing { () throws(StoreError) in
            try store.restamp(
                above: answer.known.seq, hubMs: hubMs,
                notice: {
                    "the clock of this machine was wrong: \($0) change sets that it had stamped with a time to come "
                        + "bear the hub's time now"
                }, nowMs: localNow())
        }
    }

    private func hello() async throws(ExchangeError) -> HubAnswer {
        let body = try storing { () throws(StoreError) -> JSON in
            [
                "epochs": try store.epochs().json, "sealed": .integer(Int64(try store.sealedSeq())),
                "run": .string(run), "position": .integer(Int64(try store.position())),
                "line": .array(
                    try store.splitSteps().map { step in
                        [
                            "replica": .integer(Int64(step.replica)), "from": .string("\(step.from)"),
                            "at": .integer(Int64(step.atMs)),
                        ]
                    }),
                "log_begins": .integer(Int64(try store.place().logBegins)), "vector": try store.vector().json,
                "digest": try store.digestAtPosition().map { .string(Base64.encode($0)) } ?? .null,
            ]
        }
        let before = localNow()
        let response = try await sendJSON(["v1", "hello"], body)
        guard let answer = HubAnswer(try await json(response)) else {
            throw .unreachable("the answer to a greeting is not the hub's", LineFault(response))
        }
        measureClock(answer.timeMs, before: before)
        return answer
    }

    /// Whether what the hub holds of this replica is what we have sealed.
    private func fits(_ answer: HubAnswer) throws(ExchangeError) -> Bool {
        let known = answer.known
        if known.seq == 0 { return true }
        return try storing { () throws(StoreError) in try store.digest(ofOwn: known.seq) } == known.digest
    }
}
