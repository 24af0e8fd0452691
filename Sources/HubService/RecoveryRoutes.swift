import HTTP
import JSONText
import Presentation
import ReplicaStore
import Replication

/// The routes by which a restored hub gets back what its sites know. (DESIGN, section 8 "Lost hub".)
struct RecoveryRoutes {
    let hub: HubService

    func addForSites(to router: inout Router) {
        let hub = self.hub
        router.on(.post, "/v1/recovery/offer") { request, _ throws(Problem) in try await hub.offer(request) }
        router.on(.post, "/v1/recovery/sets") { request, _ throws(Problem) in try await hub.handIn(request) }
        router.on(.post, "/v1/recovery/done") { request, _ throws(Problem) in try await hub.handedIn(request) }
    }

    func addForOperators(to router: inout Router) {
        let hub = self.hub
        router.on(.get, "/v1/recovery") { _, _ throws(Problem) in try await hub.recovery() }
        router.on(.post, "/v1/recovery/begin") { request, _ throws(Problem) in
            try await hub.beginRecovery(request)
        }
        router.on(.post, "/v1/recovery/accept") { request, _ throws(Problem) in
            try await hub.acceptRecovery(request)
        }
    }
}

extension HubService {
    /// Nothing is given out before the restored hub knows what its sites know.
    func refuseWhileRecovering() throws(Problem) {
        guard store.isRecovering else { return }
        throw Problem(
            .serviceUnavailable, type: "https://samband.invalid/problem/recovering",
            title: "The hub was restored from a backup",
            detail: "It gathers what its sites know, and gives nothing out.",
            next: "It goes on by itself; its operators see what it waits for: samband recover status.",
            retryAfterSeconds: 2)
    }

    /// Before anything of it is read: of who has nothing to hand in memory holds none of it, however much it is.
    private func mayHandIn(_ caller: SiteCaller) throws(Problem) -> [Epoch] {
        let epochs = try epochs(of: caller.replica)
        do {
            try store.mayHandIn(caller.replica, epochs: epochs)
        } catch {
            charge(caller.site, us: RequestCost.request)
            throw problem(error)
        }
        return epochs
    }

    private func epochs(of replica: UInt32) throws(Problem) -> [Epoch] {
        if let epochs = followed[replica] { return epochs }
        throw Problem(
            .conflict, type: "https://samband.invalid/problem/another-hub", title: "No greeting yet",
            detail: "Replica \(replica) has not said which hub it follows.", next: "It greets the hub by itself.")
    }

    /// `{"sets":[{"change":"8070:41","digest":"<base64>","position":…|null,"whole":…}]}` → `{"wanted":["8070:41"]}`
    func offer(_ request: Request) async throws(Problem) -> Response {
        let caller = try caller(request)
        let epochs = try mayHandIn(caller)
        let body = try await request.provenJSON(limit: 4 << 20)
        var offers: [OfferedSet] = []
        guard case .array(let sets) = body["sets"] else { throw HubService.incomplete("An offer names sets.") }
        for set in sets {
            guard let dot = set["change"]?.string.flatMap({ Dot($0) }),
                let digest = set["digest"]?.string.flatMap({ Base64.decode($0) }), digest.count == 32,
                let isWhole = set["whole"]?.bool
            else { throw HubService.incomplete("Each set offered has change, digest, position and whole.") }
            let place = set["position"]?.integer.flatMap { UInt64(exactly: $0) }
            offers.append(OfferedSet(dot: dot, digest: digest, place: place, isWhole: isWhole))
        }
        let wanted = try answering { () throws(StoreError) in
            try store.wanted(offers, from: caller.replica, epochs: epochs)
        }
        return try .provenJSON(["wanted": .array(wanted.map { .string("\($0)") })])
    }

    /// Frames of change sets, whole or as the lost hub gave them out, each with its position there → `{"kept":…}`
    func handIn(_ request: Request) async throws(Problem) -> Response {
        let caller = try caller(request)
        let epochs = try mayHandIn(caller)
        var intake = HandedIntake(from: caller.replica, epochs: epochs)
        do {
            while let piece = try await request.body.next() {
                // It ends when its site is paused or retired.
                try checkExchange(caller.replica)
                try intake.take(piece, store)
            }
            try intake.finish(store)
        } catch let error as StoreError {
            throw Problem(error)
        } catch let error as CodecError {
            throw Problem(
                .badRequest, type: "https://samband.invalid/problem/damaged", title: "The bytes are damaged",
                detail: "\(error).",
                next: "Nothing of the damaged change set was kept; it is handed in again by itself.")
        } catch {
            try answering { () throws(StoreError) in try intake.keepWhole(store) }
            throw Problem(
                .badRequest, type: "https://samband.invalid/problem/cut", title: "The handing in ended early",
                detail: "\(error).", next: "What came whole is kept; the rest is handed in by itself.")
        }
        return try .provenJSON(["kept": .integer(Int64(intake.kept))])
    }

    /// `{"sealed":…}`: the caller has handed in all it knew when this was its last own change set.
    func handedIn(_ request: Request) async throws(Problem) -> Response {
        let caller = try caller(request)
        let epochs = try epochs(of: caller.replica)
        let body = try await request.provenJSON(limit: 4096)
        guard let sealed = body["sealed"]?.integer.flatMap({ UInt64(exactly: $0) }) else {
            throw HubService.incomplete("It names sealed.")
        }
        try answering { () throws(StoreError) in
            try store.noteHeard(
                caller.replica, epochs: epochs, sealed: sealed, place: places[caller.replica], nowMs: now())
        }
        orderGrew()
        return try .provenJSON([:])
    }

    private static func incomplete(_ detail: String) -> Problem {
        Problem(.badRequest, title: "The request is not complete", detail: detail, next: "Use this version's node.")
    }

    // MARK: operators

    /// In words, while nothing is given out.
    var recoveryTrouble: String? {
        store.isRecovering
            ? "the hub was restored from a backup and gathers what its sites know: samband recover status" : nil
    }

    func recovery() throws(Problem) -> Response {
        let report = try answering { () throws(StoreError) in try store.recoveryReport() }
        guard case .object(var json) = report.json, case .object(var confirm) = json["confirm"] else {
            return try .json(report.json)
        }
        confirm["sites"] = claims.json
        json["confirm"] = .object(confirm)
        return try .json(.object(json))
    }

    func beginRecovery(_ request: Request) throws(Problem) -> Response {
        let entry = entry(request, .recoveryBegun, [:])
        try answering { () throws(StoreError) in
            try store.recording(entry) { () throws(StoreError) in try store.markRestored() }
        }
        return try recovery()
    }

    /// `{}` to go on without the sites that were not heard, or `{"site":…, "fingerprint":…}` to confirm one site.
    func acceptRecovery(_ request: Request) async throws(Problem) -> Response {
        let body = try await request.json(limit: 4096)
        if let site = body["site"]?.string {
            try confirmSite(site, fingerprint: body["fingerprint"]?.string, request)
            return try recovery()
        }
        let entry = entry(request, .recoveryAccepted, [:])
        try answering { () throws(StoreError) in
            try store.recording(entry) { () throws(StoreError) in try store.acceptRecovery(nowMs: now()) }
        }
        orderGrew()
        return try recovery()
    }
}
