import JSONText
import OrderedLog
import Replication
import SQLite
import TableModel

/// What a restored hub knows about how complete it is.
package struct RecoveryReport: Sendable {
    /// One replica: whether it has said itself that it handed in all, and what is known of it otherwise.
    package struct Replica: Sendable {
        package let site: String
        package let replica: UInt32
        package let state: String
        /// Its last own seq when it had handed in all it knew; nil when it was not heard.
        package let heard: UInt64?
        /// The last of its change sets that is here, or waits to be taken.
        package let known: UInt64
        /// Of those, how many came from others only, without what they lacked.
        package let partial: Int
    }

    /// A change set that was not taken, or not yet.
    package struct Refused: Sendable {
        package let dot: Dot
        package let why: String
    }

    package let epoch: Epoch
    package let isGathering: Bool
    package let replicas: [Replica]
    package let waiting: Int
    package let taken: Int
    package let refused: [Refused]
    /// It was built from the files of nodes, without a backup.
    package let isBuilt: Bool
    /// Policies that came back, and joins of records of which nothing says here that the two are one.
    package let policiesBack: Int
    package let joinsMissing: Int
    /// Operators that the backup knows, whose tokens may have been revoked since.
    package let operators: [String]

    package var json: JSON {
        [
            "epoch": .integer(Int64(epoch.number)),
            "state": .string(epoch.number == 0 ? "never_restored" : isGathering ? "gathering" : "serving"),
            "restored_position": .integer(Int64(epoch.base)),
            "sites": .array(
                replicas.map { replica in
                    [
                        "name": .string(replica.site), "replica": .integer(Int64(replica.replica)),
                        "state": .string(replica.state),
                        "complete": .bool(replica.heard != nil),
                        "handed_in_up_to": replica.heard.map { .integer(Int64($0)) } ?? .null,
                        "known_up_to": .integer(Int64(replica.known)), "partial": .integer(Int64(replica.partial)),
                    ]
                }),
            "change_sets": ["waiting": .integer(Int64(waiting)), "taken": .integer(Int64(taken))],
            "refused": .array(refused.map { ["change": .string("\($0.dot)"), "why": .string($0.why)] }),
            "from_nodes": .bool(isBuilt),
            "policies_back": .integer(Int64(policiesBack)), "joins_missing": .integer(Int64(joinsMissing)),
            "confirm": ["operators": .array(operators.map { .string($0) })],
        ]
    }
}

extension HubStore {
    /// How complete the hub is since it was restored.
    package func recoveryReport() throws(StoreError) -> RecoveryReport {
        try storing("looking at the recovery") {
            let epoch = try EpochTable(connection: connection).all().last ?? Epoch(number: 0, hub: replica, base: 0)
            let count = { [connection] (state: String) in
                Int(try connection.firstInteger("SELECT count(*) FROM samband_handed WHERE state = '\(state)'") ?? 0)
            }
            return RecoveryReport(
                epoch: epoch, isGathering: isRecovering, replicas: try reportedReplicas(),
                waiting: try count("waiting"), taken: try count("taken"), refused: try refusedSets(),
                isBuilt: try connection.meta(.fromNodes) != nil,
                policiesBack: Int(try connection.metaNumber(.policiesBack)),
                joinsMissing: Int(try connection.metaNumber(.joinsMissing)),
                operators: epoch.number == 0 ? [] : try operatorNames())
        }
    }

    private func reportedReplicas() throws -> [RecoveryReport.Replica] {
        let statement = try connection.prepare(
            """
            SELECT r.site, r.replica, r.state, r.heard,
              max(coalesce((SELECT seq FROM samband_vector v WHERE v.replica = r.replica), 0),
                coalesce((SELECT max(seq) FROM samband_handed h WHERE h.replica = r.replica AND h.state = 'waiting'), 0)),
              (SELECT count(*) FROM samband_handed h WHERE h.replica = r.replica AND h.is_whole = 0 AND h.state <> 'noted')
            FROM samband_replica r WHERE r.site <> '' AND r.state <> 'retired' ORDER BY r.site, r.replica
            """)
        var replicas: [RecoveryReport.Replica] = []
        while try statement.step() {
            replicas.append(
                RecoveryReport.Replica(
                    site: statement.string(0), replica: UInt32(statement.integer(1)), state: statement.string(2),
                    heard: statement.type(3) == .null ? nil : statement.unsigned(3), known: statement.unsigned(4),
                    partial: Int(statement.integer(5))))
        }
        return replicas
    }

    private func refusedSets() throws -> [RecoveryReport.Refused] {
        let statement = try connection.prepare(
            "SELECT replica, seq, why FROM samband_handed WHERE why IS NOT NULL ORDER BY replica, seq")
        var refused: [RecoveryReport.Refused] = []
        while try statement.step() {
            refused.append(
                RecoveryReport.Refused(
                    dot: Dot(replica: UInt32(statement.integer(0)), seq: statement.unsigned(1)),
                    why: statement.string(2)))
        }
        return refused
    }

    private func operatorNames() throws -> [String] {
        let statement = try connection.prepare(
            "SELECT name FROM samband_operator WHERE revoked IS NULL ORDER BY name")
        var names: [String] = []
        while try statement.step() { names.append(statement.string(0)) }
        return names
    }
}
