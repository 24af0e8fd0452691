import HTTP
import Presentation
import Replication
import TableModel

/// What a node does when the hub that it followed is lost and another stands in its place. (Protocol/Merge-Model.md#lost-hub)
extension NodeService {
    /// Milliseconds that the hub has for each: it puts all that it was handed in order.
    private static let handInMs = 120_000

    func recover(_ step: RecoveryStep, hub: UInt32) async throws(ExchangeError) {
        switch step {
        case .handIn(let after): try await handIn(after: after)
        case .wait:
            throw .unreachable(
                "the hub was restored from a backup and waits for other sites; everything here has been handed in",
                .gathering)
        case .rejoin(_, let testify):
            if testify, try storing({ () throws(StoreError) in try store.testify(to: hub, nowMs: nowMs) }) { return }
            throw .refused(
                status: 409, title: "This site has to join again",
                detail: "The hub's order begins behind where this file ends, and nobody knows what lies between; "
                    + "everything here has been handed in.",
                next: "At the hub: samband site add \(store.site). Here: samband node join under a new file; keep this "
                    + "one until it is through.")
        case .follow(let from, _):
            do {
                _ = try await pullAll(waitMs: 0, following: (hub: hub, from: from))
            } catch {
                // What the hub has not is handed in again; then the next attempt goes on.
                if case .store(let why) = error, why.kind == .diverged { try await handIn(after: from) }
                throw error
            }
            // What the lost hub had acknowledged says nothing any more.
            acknowledged = 0
        }
    }

    /// Hands in what the restored hub lacks of what we know behind a position.
    private func handIn(after position: UInt64) async throws(ExchangeError) {
        let (sealed, offers) = try storing { () throws(StoreError) in
            (try store.sealedSeq(), try store.offers(after: position))
        }
        var handing = HandingIn(offers: offers, sealed: sealed)
        while let step = handing.next() {
            switch step {
            case .offer(let some):
                let answer: Message<OfferAnswer> = try await ask(
                    ["v1", "recovery", "offer"], Message<OfferRequest> { $0.sets = some }, "an offer",
                    answerWithinMs: Self.handInMs)
                handing.wants(answer.wanted)
            case .send(let dots):
                let sender = FrameBody(self, .handed(HandedStream(dots)))
                let response = try await send(
                    pushTransport, .post, ["v1", "recovery", "sets"], Body { try await sender.next() },
                    answerWithinMs: Self.handInMs)
                _ = try await read(HandedInAnswer.self, response, "a handing in")
            case .done(let sealed):
                let _: Message<EmptyAnswer> = try await ask(
                    ["v1", "recovery", "done"], Message<DoneRequest> { $0.sealed = sealed }, "the end of a handing in",
                    answerWithinMs: Self.handInMs)
            }
        }
    }
}
