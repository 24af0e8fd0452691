import HTTP
import JSONText
import Presentation
import ReplicaStore
import Replication

extension HubService {
    /// The first request of every contact: nothing → which hub this is, and what it holds of the caller:
    /// `{"replica":…, "hub":…, "epochs":[{"hub":…,"base":…}], "vector":…, "known":{"seq":…,"digest":"<base64>"},
    /// "staged":{"seq":…,"segments":…}|null, "hub_time_ms":…}`.
    func hello(_ request: Request) async throws(Problem) -> Response {
        let caller = try caller(request)
        keepPush(of: caller.replica)
        let greeting = try answering { () throws(StoreError) in try store.greeting(of: caller.replica) }
        return try .json([
            "replica": .integer(Int64(caller.replica)), "hub": .integer(Int64(store.replica)),
            "epochs": .array(
                greeting.epochs.map { ["hub": .integer(Int64($0.hub)), "base": .integer(Int64($0.base))] }),
            "vector": greeting.vector.json,
            "known": ["seq": .integer(Int64(greeting.seq)), "digest": .string(Base64.encode(greeting.digest))],
            "staged": greeting.staged.map {
                ["seq": .integer(Int64($0.seq)), "segments": .integer(Int64($0.segments))]
            } ?? .null,
            "hub_time_ms": .integer(Int64(now())),
        ])
    }
}
