import HTTP
import JSONText
import Presentation
import Replication
import TableModel

extension HubService {
    /// The first request of every contact: which hub this is, what it holds of the caller, and what the caller has to do
    /// first when the hub that it follows was lost.
    func hello(_ request: Request) async throws(Problem) -> Response {
        let newcomer = try callerOrRetired(request, isGreeting: true)
        charge(newcomer.site, us: RequestCost.request * 2)
        let json = try await provenJSON(request, of: newcomer.site)
        if newcomer.isRetired { return try greetRetired(newcomer) }
        let isKnown = try answering { () throws(StoreError) in try store.knows(newcomer.replica) }
        let asked = Message<GreetingRequest>(json: json)
        if !isKnown {
            let line = asked?.line ?? []
            try answering { () throws(StoreError) in
                try store.adopt(Array(line.prefix(Limits.replicasPerSite)), ofSite: newcomer.site, nowMs: now())
            }
        }
        let caller = try caller(request)
        guard let asked else { throw .incomplete("A greeting names epochs and sealed.") }
        followed[caller.replica] = asked.epochs
        places[caller.replica] = asked.place
        let isTwin = asked.run.map { noteRun(caller.replica, $0) } ?? false
        let step = try answering { () throws(StoreError) in
            try store.recoveryStep(
                of: caller.replica, epochs: asked.epochs, sealed: asked.sealed, place: places[caller.replica])
        }
        keepPush(of: caller.replica)
        if step == nil {
            try answering { () throws(StoreError) in
                try store.checkOrder(of: caller.replica, position: asked.position, digest: asked.digest)
            }
        }
        return try .proven(
            try answering { () throws(StoreError) in
                let greeting = try store.greeting(of: caller.replica)
                return try Message<GreetingAnswer> { answer throws(StoreError) in
                    answer.replica = caller.replica
                    answer.hub = store.replica
                    answer.epochs = greeting.epochs
                    answer.recovery = step.map { Message($0) }
                    if case .follow = step { answer.recovery?.without = try store.leftOut() }
                    answer.vector = greeting.vector
                    answer.known = Message { ($0.seq, $0.digest) = (greeting.seq, greeting.digest) }
                    answer.staged = Message(greeting.staged)
                    answer.twin = isTwin
                    answer.hubTimeMs = Int64(now())
                }
            })
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

extension Message<GreetingRequest> {
    /// Where it stands in the hub's order, as far as it says.
    fileprivate var place: OrderPlace? {
        guard let logBegins = self.logBegins, let vector = self.vector else { return nil }
        return OrderPlace(position: self.position, logBegins: min(logBegins, self.position), vector: vector)
    }
}
