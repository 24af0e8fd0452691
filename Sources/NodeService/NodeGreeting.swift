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
    /// What is to be done before anything else; nil when we follow this very hub.
    let recovery: RecoveryStep?

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
        self.epochs = epochs
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
            var answer = try await hello()
            // After a restoration: hand in, then follow; each step is one greeting further.
            for _ in 0..<4 {
                guard let step = answer.recovery else { break }
                try await recover(step, hub: answer.hub)
                answer = try await hello()
            }
            guard answer.recovery == nil else {
                throw .unreachable("the hub, which was restored from a backup, does not go on yet")
            }
            try checkOwn(answer)
            isGreeted = true
            noteContact()
            return .success(answer.state)
        } catch {
            return .failure(error)
        }
    }

    private func hello() async throws(ExchangeError) -> HubAnswer {
        let body = try storing { () throws(StoreError) -> JSON in
            [
                "epochs": try store.epochs().json, "sealed": .integer(Int64(try store.sealedSeq())),
                "position": .integer(Int64(try store.position())),
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
    private func checkOwn(_ answer: HubAnswer) throws(ExchangeError) {
        let known = answer.known
        guard known.seq > 0 else { return }
        let own = try storing { () throws(StoreError) in try store.digest(ofOwn: known.seq) }
        guard own == known.digest else {
            throw .store(
                StoreError(
                    .diverged, doing: "greeting the hub",
                    why:
                        "the hub holds \(known.seq) change sets of replica \(store.replica), other than those of this file",
                    hint: "The file was restored from a backup or copied; join this site again under a new file."))
        }
    }
}
