import OrderedLog
import Replication
import SQLite
import TableModel

/// The policies of a fleet, as `samband_policy` has them: read anew whenever that has changed.
package struct Policies {
    private let byTable: [Int: (policy: TablePolicy, scopeColumn: String?)]
    /// How often the hub was restored: what it decides is above what it decided before.
    private let epoch: UInt64

    package init(_ connection: Connection) throws {
        byTable = Dictionary(
            uniqueKeysWithValues: try ReplicatedTable.readAll(from: connection).map {
                (Int($0.number), ($0.policy, $0.scopeColumn))
            })
        epoch = try EpochTable(connection: connection).number()
    }

    /// What holds for a table; tables of Samband's own have none.
    package func table(_ number: Int) -> TablePolicy { byTable[number]?.policy ?? .manual }

    /// What the merge of a row has to know.
    ///
    /// - Parameters:
    ///   - data: the row as it stands at the hub; else as it is known there; nil when it is not.
    ///   - seq: of the hub's change set that would bring a decision.
    ///   - replicas: those that a site, by name, has or had.
    package func row(
        _ table: TableLayout, key: [Value], data: [Value]?, seq: UInt64, replicas: (String) throws -> Set<UInt32>
    ) rethrows -> RowPolicy {
        guard let (policy, scope) = byTable[table.number] else { return .manual }
        var owners: Set<UInt32> = []
        if let scope, let data, policy.columns.values.contains(.owner),
            case .text(let label) = table.pick([scope], key: key, data: data)[0]
        {
            owners = try replicas(String(decoding: label, as: UTF8.self))
        }
        return RowPolicy(policy, owners: owners, epoch: epoch, seq: seq)
    }

    /// The policy that settles a disagreement over these columns of a row, by the names that a decision is recorded
    /// under; nil when a person has to.
    package func settling(_ number: Int, columns: some Sequence<Int>) -> String? {
        let table = table(number)
        let policies = Set(columns.map { table.policy(of: $0) })
        guard !policies.isEmpty, policies.allSatisfy(\.settles) else { return nil }
        return policies.map(\.rawValue).sorted().joined(separator: ", ")
    }
}
