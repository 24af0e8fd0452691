import HTTP
import JSONText
import Presentation
import Replication
import TableModel

extension HubService {
    /// Takes in change sets of the caller, in their order.
    func push(_ request: Request) async throws(Problem) -> Response {
        let caller = try callerOrRetired(request)
        // Whatever hub it followed last: what it sends comes into no order.
        if caller.isRetired { return try await quarantine(request, caller) }
        try checkHub(request)
        let turn = beginPush(of: caller.replica)
        defer {
            if pushing[caller.replica] === turn { pushing[caller.replica] = nil }
            if !turn.hasBrought { charge(caller.site, us: turn.usedUs) }
        }
        do {
            while let piece = try await request.body.next() {
                try goOn(turn, caller, request)
                try turn.take(piece, store, nowMs: now())
                wakeOthers(after: turn)
            }
            try goOn(turn, caller, request)
            try turn.intake.finish(store, nowMs: now())
        } catch {
            wakeOthers(after: turn)
            let problem = problem(
                error, in: "push",
                ifDamaged: "Nothing of the damaged change set was taken; it is sent again by itself.")
            // What came whole is taken, and the next push goes on behind the last segment.
            if problem.type == ProblemType.cut.url, !turn.isReplaced { endPush(of: caller.replica) }
            throw problem
        }
        wakeOthers(after: turn)
        return try answer(caller.replica)
    }

    /// Why the frames of a request could not all be taken in, as its answer.
    func problem(
        _ error: any Error, in what: String, ifDamaged again: String,
        ifCut goesOn: String = "It goes on by itself behind the last whole segment."
    ) -> Problem {
        switch error {
        case let error as StoreError: problem(error)
        case let error as Problem: error
        case is CodecError:
            Problem(type: .damaged, title: "The bytes are damaged", detail: "\(error).", next: again)
        default: Problem(type: .cut, title: "The \(what) ended early", detail: "\(error).", next: goesOn)
        }
    }

    /// Lets those who wait have what a push has brought; one that brings nothing wakes nobody.
    private func wakeOthers(after turn: PushTurn) {
        guard turn.intake.hasIngested else { return }
        turn.intake.hasIngested = false
        diskWatch.succeeded()
        orderGrew()
    }

    /// Ends a push whose place a newer one has taken, or whose site may exchange nothing any more since it began.
    private func goOn(_ turn: PushTurn, _ caller: SiteCaller, _ request: Request) throws(Problem) {
        let mayExchange = try answering { () throws(StoreError) in try store.mayExchange(caller.replica) }
        if mayExchange, !turn.isReplaced { return }
        // Paused or retired, it hears that.
        _ = try self.caller(request)
        throw PushTurn.replaced
    }

    private func answer(_ replica: UInt32) throws(Problem) -> Response {
        try checkFiles()
        let (vector, staged) = try answering { () throws(StoreError) in
            (try store.vector(), try store.staged(of: replica))
        }
        return try .proven(
            Message<PushAnswer> { ($0.vector, $0.staged, $0.hubTimeMs) = (vector, Message(staged), Int64(now())) })
    }

    /// Gives out the order behind a position: whole hub transactions, and an end frame. Waits for the first when there is
    /// none yet.
    func pull(_ request: Request) async throws(Problem) -> Response {
        let caller = try caller(request)
        guard let asked = Message<PullRequest>(json: try await provenJSON(request, of: caller.site)) else {
            throw .incomplete("A pull names position and sealed.")
        }
        try answering { () throws(StoreError) in
            try store.acknowledge(
                caller.replica, position: asked.position, sealed: asked.sealed, clockOffsetMs: asked.clockOffsetMs,
                nowMs: now())
        }
        // Who pulls has the file.
        snapshots.drop(caller.replica)
        keepContacts()
        try await waitForOrder(request, caller, behind: asked.position, ms: min(asked.waitMs ?? 0, Self.longestWaitMs))
        var resume: PullStream.Resume?
        if let held = asked.resume, held.segment > 0 {
            resume = PullStream.Resume(dot: held.change, segments: held.segment)
        }
        let stream = PullStream(to: caller.replica, after: asked.position, resume: resume)
        let sender = PullBody(self, stream, site: caller.site)
        return Response(
            .ok, headers: ["content-type": "application/vnd.samband.frames"], body: Body { try await sender.next() })
    }

    private static let longestWaitMs: UInt64 = 60_000

    /// Waits until there is something behind a position. Who asks again and again without waiting, and gets nothing, is
    /// charged for it.
    private func waitForOrder(
        _ request: Request, _ caller: SiteCaller, behind position: UInt64, ms: UInt64
    ) async throws(Problem) {
        let began = ContinuousClock.now
        if ms > 0, try isUpToDate(position), await !waitForWork(caller.replica, ms: Int(ms)) {
            charge(caller.site, us: RequestCost.request)
            _ = try self.caller(request)
            // Two processes with one credential would otherwise send each other away without a pause.
            throw Problem(
                type: .replaced,
                title: "Another pull of this site waits",
                detail: "A newer request with the same credential has taken the place of this one.",
                next: "See that one process only runs the site, and that its machine was not copied.")
        }
        if try isUpToDate(position), ContinuousClock.now - began < .seconds(1) {
            charge(caller.site, us: RequestCost.request)
        }
    }

    private func isUpToDate(_ position: UInt64) throws(Problem) -> Bool {
        try answering { () throws(StoreError) in try store.lastPosition() } <= position
    }
}
