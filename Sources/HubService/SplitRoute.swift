import HTTP
import Presentation
import Replication
import TableModel

extension HubService {
    /// Gives a node whose file was put back or copied a replica number of its own.
    func split(_ request: Request) async throws(Problem) -> Response {
        let caller = try caller(request)
        charge(caller.site, us: RequestCost.request * 2)
        let json = try await provenJSON(request, of: caller.site)
        guard let asked = Message<SplitQuestion>(json: json), asked.replica == caller.replica,
            asked.digests.last?.seq ?? 0 <= asked.sealed
        else { throw .incomplete("A split names replica, sealed, position, ticket and digests in order.") }
        let before = threadTimeUs()
        defer { charge(caller.site, us: threadTimeUs() - before) }
        let question = SplitRequest(
            replica: asked.replica, sealed: asked.sealed, digests: asked.digests, position: asked.position,
            ticket: asked.ticket)
        let answer = try answering { () throws(StoreError) in try store.split(question, nowMs: now()) }
        if case .goOn = answer { orderGrew() }
        return try .proven(Message<SplitReply>(answer))
    }
}
