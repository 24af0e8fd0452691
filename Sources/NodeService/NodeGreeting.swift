import HTTP
import Presentation
import Replication
import TableModel

/// The first exchange of every contact: hub and node compare what they remember of each other, by the numbers of their
/// replicas and by digests, so that a file that was put back or copied is found out before a change set goes either
/// way. (Protocol/Merge-Model.md#split)
extension NodeService {
    /// Greets the hub; the two loops share one greeting.
    func greet() async throws(ExchangeError) -> Message<PushAnswer> {
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

    private func greetNow() async -> Result<Message<PushAnswer>, ExchangeError> {
        let result = await greetOnce()
        if case .failure(.refused(status: 401, _, _, _)) = result, await introduceAgain() { return await greetOnce() }
        return result
    }

    private func greetOnce() async -> Result<Message<PushAnswer>, ExchangeError> {
        do throws(ExchangeError) {
            // After a restoration of the hub: hand in, then follow. After one of our file: go on as another replica, and a copy
            // of a copy finds out step by step whose file it has. Each step is one greeting further.
            var answer = try await hello()
            for _ in 0..<Self.stepsAtOnce {
                if let order = answer.recovery {
                    store.leftOut = Set(order.without ?? [])
                    guard let step = order.step else {
                        throw .unreachable("the answer to a greeting is not the hub's")
                    }
                    try await recover(step, hub: answer.hub)
                } else {
                    let isOurs = try fits(answer)
                    if isOurs, try !mustPart(answer) { break }
                    try await goOnAsAnother(from: answer)
                }
                answer = try await hello()
            }
            guard answer.recovery == nil else {
                throw .unreachable(
                    "the hub, which was restored from a backup, does not go on yet", .gathering)
            }
            guard try fits(answer) else {
                throw .unreachable("the hub gives one new replica number after the other")
            }
            try restamp(answer)
            isGreeted = true
            noteContact()
            return .success(Message<PushAnswer>(answer))
        } catch {
            return .failure(error)
        }
    }

    private static let stepsAtOnce = 16

    /// Whether another machine runs from the same file and nothing of ours is on its way any more. (What both have sealed
    /// goes to the hub once, under the number that both had.)
    private func mustPart(_ answer: Message<GreetingAnswer>) throws(ExchangeError) -> Bool {
        isTwin = answer.twin
        guard isTwin, !isPushing else { return false }
        return try storing { () throws(StoreError) in try store.sealedSeq() } == answer.known.seq
    }

    /// What our clock has stamped too far ahead gets stamps that the hub takes. Not while a push is on its way: what is in
    /// it keeps its stamps, and may be taken yet.
    private func restamp(_ answer: Message<GreetingAnswer>) throws(ExchangeError) {
        guard !isPushing, let hubMs = UInt64(exactly: answer.hubTimeMs) else { return }
        _ = try storing { () throws(StoreError) in
            try store.restamp(
                above: answer.known.seq, hubMs: hubMs,
                notice: {
                    "the clock of this machine was wrong: \($0) change sets that it had stamped with a time to come "
                        + "bear the hub's time now"
                }, nowMs: localNow())
        }
    }

    private func hello() async throws(ExchangeError) -> Message<GreetingAnswer> {
        let asked = try storing { () throws(StoreError) in
            try Message<GreetingRequest> { asked throws(StoreError) in
                asked.epochs = try store.epochs()
                asked.sealed = try store.sealedSeq()
                asked.run = run
                asked.position = try store.position()
                asked.line = try store.splitSteps()
                asked.logBegins = try store.place().logBegins
                asked.vector = try store.vector()
                asked.digest = try store.digestAtPosition()
            }
        }
        let before = localNow()
        let answer: Message<GreetingAnswer> = try await ask(["v1", "hello"], asked, "a greeting")
        measureClock(answer.hubTimeMs, before: before)
        return answer
    }

    /// Whether what the hub holds of this replica is what we have sealed.
    private func fits(_ answer: Message<GreetingAnswer>) throws(ExchangeError) -> Bool {
        let known = answer.known
        if known.seq == 0 { return true }
        return try storing { () throws(StoreError) in try store.digest(ofOwn: known.seq) } == known.digest
    }
}

extension Message<PushAnswer> {
    /// What a greeting says of what the hub holds.
    fileprivate init(_ greeting: Message<GreetingAnswer>) {
        self.init { ($0.vector, $0.staged, $0.hubTimeMs) = (greeting.vector, greeting.staged, greeting.hubTimeMs) }
    }
}
