import HTTP
import Presentation
import Replication
import TableModel

/// What a node does when the hub holds other change sets of its replica than it has sealed itself: its file was put back
/// from an earlier state, or another machine runs a copy of it. It asks for a replica number of its own, and goes on.
extension NodeService {
    /// Goes on as another replica from behind the last change set that we and the hub have alike.
    func goOnAsAnother(from answer: Message<GreetingAnswer>) async throws(ExchangeError) {
        let ticket = try storing { () throws(StoreError) in
            try store.splitTicket { (0..<16).map { _ in UInt8.random(in: 0...255) } }
        }
        var (above, through): (UInt64, UInt64?) = (0, nil)
        for _ in 0..<Self.splitRounds {
            let asked = try storing { () throws(StoreError) in
                let sealed = try store.sealedSeq()
                return SplitRequest(
                    replica: store.replica, sealed: sealed,
                    digests: try digests(above: above, through: through ?? min(sealed, answer.known.seq)),
                    position: try store.position(), ticket: ticket)
            }
            let question = Message<SplitQuestion> {
                ($0.replica, $0.sealed, $0.position) = (asked.replica, asked.sealed, asked.position)
                ($0.ticket, $0.digests) = (asked.ticket, asked.digests)
            }
            let reply: Message<SplitReply> = try await ask(["v1", "split"], question, "a split")
            guard let answer = reply.answer else { throw .unreachable("the answer to a split is not the hub's") }
            switch answer {
            case .narrow(let lower, let upper): (above, through) = (lower, upper)
            case .goOn(let replica, let seq):
                // Something was sealed meanwhile: the hub is to know of it.
                guard try storing({ () throws(StoreError) in try store.sealedSeq() }) == asked.sealed else { continue }
                try goOn(as: replica, at: seq)
                return
            }
        }
        throw .unreachable("the hub gave no new replica number")
    }

    private static let splitRounds = 64

    private func digests(above: UInt64, through: UInt64) throws(StoreError) -> [(seq: UInt64, digest: [UInt8])] {
        // What is known to be alike comes along.
        let first = above == 0 ? [] : try store.ownDigests(above: above - 1, below: above + 1, limit: 1)
        return try first + store.ownDigests(above: above, below: through + 1, limit: Limits.splitDigests - 1)
    }

    private func goOn(as replica: UInt32, at seq: UInt64) throws(ExchangeError) {
        let former = store.replica
        let notice =
            "this file was put back from an earlier state, or another machine runs a copy of it: up to change set "
            + "\(former):\(seq) it is as the hub has it, from there on it goes on as replica \(replica); nothing is lost"
        try storing { () throws(StoreError) in
            try store.split(to: replica, at: seq, notice: notice, nowMs: localNow())
        }
        acknowledged = 0
        hubState = nil
        isTwin = false
    }
}
