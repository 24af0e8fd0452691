import HTTP
import JSONText
import Presentation
import ReplicaStore
import Replication

/// The routes of the exchange with sites. (DESIGN, section 7.)
struct SiteRoutes {
    let hub: HubService

    func add(to router: inout Router) {
        let hub = self.hub
        router.on(.post, "/v1/join") { request, _ throws(Problem) in try await hub.join(request) }
        router.on(.get, "/v1/snapshot") { request, _ throws(Problem) in try await hub.snapshot(request) }
        router.on(.post, "/v1/hello") { request, _ throws(Problem) in try await hub.hello(request) }
        router.on(.post, "/v1/split") { request, _ throws(Problem) in try await hub.split(request) }
        router.on(.post, "/v1/push") { request, _ throws(Problem) in try await hub.push(request) }
        router.on(.post, "/v1/pull") { request, _ throws(Problem) in try await hub.pull(request) }
        router.on(.post, "/v1/rotate") { request, _ throws(Problem) in try await hub.rotate(request) }
        router.on(.get, "/healthz") { _, _ throws(Problem) in Response(.ok, "text/plain; charset=utf-8", "ok\n") }
    }
}

extension HubService {
    /// Framed change sets of the caller, in order → `{"vector":…, "staged":{"seq":…,"segments":…}|null}`.
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
        } catch let error as StoreError {
            wakeOthers(after: turn)
            throw problem(error)
        } catch let error as Problem {
            throw error
        } catch let error as CodecError {
            throw Problem(
                .badRequest, type: "https://samband.invalid/problem/damaged", title: "The bytes are damaged",
                detail: "\(error).", next: "Nothing of the damaged change set was taken; it is sent again by itself.")
        } catch {
            // The line was cut: what came whole is taken, and the next push goes on behind the last segment.
            wakeOthers(after: turn)
            if !turn.isReplaced { endPush(of: caller.replica) }
            throw Problem(
                .badRequest, type: "https://samband.invalid/problem/cut", title: "The push ended early",
                detail: "\(error).", next: "It goes on by itself behind the last whole segment.")
        }
        wakeOthers(after: turn)
        return try answer(caller.replica)
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
        let (vector, staged) = try answering { () throws(StoreError) in
            (try store.vector(), try store.staged(of: replica))
        }
        return try .provenJSON([
            "vector": vector.json,
            "staged": staged.map { ["seq": .integer(Int64($0.seq)), "segments": .integer(Int64($0.segments))] }
                ?? .null,
            "hub_time_ms": .integer(Int64(now())),
        ])
    }

    /// `{"position":…, "sealed":…, "wait_ms":…}` → frames: the order behind that position, whole hub transactions,
    /// and an end frame. Waits for the first when there is none yet.
    func pull(_ request: Request) async throws(Problem) -> Response {
        let caller = try caller(request)
        try checkHub(request)
        try refuseWhileRecovering()
        let body = try await provenJSON(request, of: caller.site, limit: 1 << 16)
        guard let position = body["position"]?.integer, position >= 0, let sealed = body["sealed"]?.integer, sealed >= 0
        else {
            throw Problem(
                .badRequest, title: "The request is not complete", detail: "A pull names position and sealed.",
                next: "Use this version's node.")
        }
        try answering { () throws(StoreError) in
            try store.acknowledge(
                caller.replica, position: UInt64(position), sealed: UInt64(sealed),
                clockOffsetMs: body["clock_offset_ms"]?.integer, nowMs: now())
        }
        // Who pulls has the file.
        snapshots.drop(caller.replica)
        keepContacts()
        let waitMs = min(body["wait_ms"]?.integer ?? 0, 60_000)
        try await waitForOrder(request, caller, behind: UInt64(position), ms: waitMs)
        var resume: PullStream.Resume?
        if let held = body["resume"], let dot = held["change"]?.string.flatMap({ Dot($0) }),
            let segment = held["segment"]?.integer, segment > 0
        {
            resume = PullStream.Resume(dot: dot, segments: UInt64(segment))
        }
        let stream = PullStream(to: caller.replica, after: UInt64(position), resume: resume)
        let sender = PullBody(self, stream, site: caller.site)
        return Response(
            .ok, headers: ["content-type": "application/vnd.samband.frames"], body: Body { try await sender.next() })
    }

    /// Waits until there is something behind a position. Who asks again and again without waiting, and gets nothing, is
    /// charged for it.
    private func waitForOrder(
        _ request: Request, _ caller: SiteCaller, behind position: UInt64, ms: Int64
    ) async throws(Problem) {
        let began = ContinuousClock.now
        if ms > 0, try isUpToDate(position), await !waitForWork(caller.replica, ms: Int(ms)) {
            charge(caller.site, us: RequestCost.request)
            _ = try self.caller(request)
            // Two processes with one credential would otherwise send each other away without a pause.
            throw Problem(
                .conflict, type: "https://samband.invalid/problem/replaced",
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
