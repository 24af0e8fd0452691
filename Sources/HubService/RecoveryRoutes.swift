import HTTP
import JSONText
import Presentation
import Replication
import TableModel

extension HubService {
    /// Nothing is given out before the restored hub knows what its sites know.
    func refuseWhileRecovering() throws(Problem) {
        guard store.isRecovering else { return }
        throw Problem(
            type: .recovering,
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
            type: .anotherHub, title: "No greeting yet",
            detail: "Replica \(replica) has not said which hub it follows.", next: "It greets the hub by itself.")
    }

    /// Says which of the change sets that a site knows the hub lacks.
    func offer(_ request: Request) async throws(Problem) -> Response {
        let caller = try caller(request)
        let epochs = try mayHandIn(caller)
        let asked = try await request.message(
            OfferRequest.self, isProven: true,
            lack: "An offer names sets, and each has change, digest, position and whole.")
        let wanted = try answering { () throws(StoreError) in
            try store.wanted(asked.sets, from: caller.replica, epochs: epochs)
        }
        return try .proven(Message<OfferAnswer> { $0.wanted = wanted })
    }

    /// Keeps change sets, whole or as the lost hub gave them out, each with its position there.
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
        } catch {
            let problem = problem(
                error, in: "handing in",
                ifDamaged: "Nothing of the damaged change set was kept; it is handed in again by itself.",
                ifCut: "What came whole is kept; the rest is handed in by itself.")
            if problem.type == ProblemType.cut.url {
                try answering { () throws(StoreError) in try intake.keepWhole(store) }
            }
            throw problem
        }
        return try .proven(Message<HandedInAnswer> { $0.kept = UInt64(intake.kept) })
    }

    /// The caller has handed in all it knew when this was its last own change set.
    func handedIn(_ request: Request) async throws(Problem) -> Response {
        let caller = try caller(request)
        let epochs = try epochs(of: caller.replica)
        let asked = try await request.message(DoneRequest.self, isProven: true, lack: "It names sealed.")
        try answering { () throws(StoreError) in
            try store.noteHeard(
                caller.replica, epochs: epochs, sealed: asked.sealed, place: places[caller.replica], nowMs: now())
        }
        orderGrew()
        return try .proven(Message<EmptyAnswer> { _ in })
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
        try recording(request, .recoveryBegun) { entry throws(StoreError) in
            try store.markRestored(audit: entry)
        }
        return try recovery()
    }

    /// Goes on without the sites that were not heard, or confirms one site.
    func acceptRecovery(_ request: Request) async throws(Problem) -> Response {
        let asked = try await request.message(RecoveryAcceptance.self, lack: "")
        if let site = asked.site {
            try confirmSite(site, fingerprint: asked.fingerprint, request)
            return try recovery()
        }
        try recording(request, .recoveryAccepted) { entry throws(StoreError) in
            try store.acceptRecovery(nowMs: now(), audit: entry)
        }
        orderGrew()
        return try recovery()
    }
}
