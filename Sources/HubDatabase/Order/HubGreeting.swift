import OrderedLog
import Replication
import SQLite
import TableModel

/// What the hub tells a replica at every contact, before any change set goes either way.
package struct Greeting: Sendable {
    package let vector: VectorClock
    /// The last change set of the replica that the hub holds, and its digest, which is chained through all before it.
    package let seq: UInt64
    package let digest: [UInt8]
    /// What is kept of a push that was cut.
    package let staged: (seq: UInt64, segments: Int)?
    package let epochs: [Epoch]
}

extension HubStore {
    /// What the hub holds of a replica, for the replica to compare with what it remembers.
    package func greeting(of replica: UInt32) throws(StoreError) -> Greeting {
        let staged = try staged(of: replica)
        return try storing("greeting replica \(replica)") {
            let vector = try log.vector()
            let digest = try replicaState(replica)?.lastDigest ?? ChangeSetHeader.firstPrevious
            return Greeting(
                vector: vector, seq: vector[replica], digest: digest, staged: staged,
                epochs: try EpochTable(connection: connection).all())
        }
    }
}
