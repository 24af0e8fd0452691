import HTTP
import JSONText
import Presentation
import Replication
import TableModel

extension HubService {
    /// The first request of every contact: `{"epochs":[{"hub":…,"base":…}], "sealed":…, "run":…, "position":…,
    /// "log_begins":…, "vector":…, "digest":"<base64>"|null, "line":[{"replica":…,"from":"8070:41","at":…}]}` → which hub this is, and what it holds of the caller:
    /// `{"replica":…, "hub":…, "epochs":…, "vector":…, "known":{"seq":…,"digest":"<base64>"},
    /// "staged":{"seq":…,"segments":…}|null, "recovery":{"do":"hand_in"|"wait"|"follow"|"rejoin", "after":…, "at":…, "without":["8070:41"]}|null,
    /// "twin":…, "hub_time_ms":…}`. With `recovery` the caller follows a hub that was lost; as a `twin` it runs from the same
    /// file as another machine.
    func hello(_ request: Request) async throws(Problem) -> Response {
        let newcomer = try callerOrRetired(request, isGreeting: true)
        charge(newcomer.site, us: RequestCost.request * 2)
        let body = try await provenJSON(request, of: newcomer.site, limit: 1 << 20)
        if newcomer.isRetired { return try greetRetired(newcomer) }
        let isKnown = try answering { () throws(StoreError) in try store.knows(newcomer.replica) }
        if !isKnown { try adopt(body["line"]?.array ?? [], ofSite: newcomer.site) }
        let caller = try caller(request)
        guard let epochs = body["epochs"].flatMap({ [Epoch](json: $0) }), let sealed = body["sealed"]?.integer,
            let position = body["position"]?.integer.flatMap({ UInt64(exactly: $0) })
        else {
            throw Problem(
                .badRequest, title: "The request is not complete", detail: "A greeting names epochs and sealed.",
                next: "Use this version's node.")
        }
        followed[caller.replica] = epochs
        if let begins = body["log_begins"]?.integer.flatMap({ UInt64(exactly: $0) }),
            let vector = body["vector"].flatMap({ VectorClock(json: $0) })
        {
            places[caller.replica] = OrderPlace(
                position: position, logBegins: min(begins, position), vector: vector)
        } else {
            places[caller.replica] = nil
        }
        let isTwin = body["run"]?.string.map { noteRun(caller.replica, $0) } ?? false
        let step = try answering { () throws(StoreError) in
            try store.recoveryStep(
                of: caller.replica, epochs: epochs, sealed: UInt64(clamping: sealed), place: places[caller.replica])
        }
        keepPush(of: caller.replica)
        if step == nil {
            let digest = body["digest"]?.string.flatMap { Base64.decode($0) }
            try answering { () throws(StoreError) in
                try store.checkOrder(of: caller.replica, position: position, digest: digest)
            }
        }
        var recovery = step?.json ?? .null
        if case .follow = step, case .object(var members) = recovery {
            let leftOut = try answering { () throws(StoreError) in try store.leftOut() }
            members["without"] = .array(leftOut.map { .string("\($0)") })
            recovery = .object(members)
        }
        let greeting = try answering { () throws(StoreError) in try store.greeting(of: caller.replica) }
        return try .provenJSON([
            "replica": .integer(Int64(caller.replica)), "hub": .integer(Int64(store.replica)),
            "epochs": greeting.epochs.json, "recovery": recovery,
            "vector": greeting.vector.json,
            "known": ["seq": .integer(Int64(greeting.seq)), "digest": .string(Base64.encode(greeting.digest))],
            "staged": greeting.staged.map {
                ["seq": .integer(Int64($0.seq)), "segments": .integer(Int64($0.segments))]
            } ?? .null,
            "twin": .bool(isTwin), "hub_time_ms": .integer(Int64(now())),
        ])
    }

    private func adopt(_ line: [JSON], ofSite site: String) throws(Problem) {
        let steps = line.prefix(Limits.replicasPerSite).compactMap { step -> SplitStep? in
            guard let replica = step["replica"]?.integer.flatMap({ UInt32(exactly: $0) }), replica > 0,
                let from = step["from"]?.string.flatMap({ Dot($0) }), let at = step["at"]?.integer, at >= 0
            else { return nil }
            return SplitStep(replica: replica, from: from, atMs: UInt64(at))
        }
        try answering { () throws(StoreError) in try store.adopt(steps, ofSite: site, nowMs: now()) }
    }

    /// Each process of a node draws a name for its run. One that has ended does not come again: whose run has followed
    /// another and is here once more runs beside it, from a copy of its file.
    private func noteRun(_ replica: UInt32, _ run: String) -> Bool {
        let run = String(run.prefix(64))
        guard var known = runs[replica], known.last != run else {
            if runs[replica] == nil { runs[replica] = [run] }
            return false
        }
        if known.contains(run) { return true }
        known.append(run)
        runs[replica] = known.suffix(Self.runsKept)
        return false
    }

    private static let runsKept = 8
}
