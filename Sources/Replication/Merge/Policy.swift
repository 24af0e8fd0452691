/// How a disagreement about a cell settles. The raw value is what `samband_policy` and the command line say.
package enum Policy: String, Hashable, Sendable, CaseIterable {
    /// The newest shows, the conflict stays open for a person.
    case manual
    /// The newest shows.
    case newest
    /// The value that stands at the hub stays.
    case hub
    /// The newest among those of the site that the row belongs to, if it is a party.
    case owner
    /// The greatest value, as the column sorts.
    case max
    /// The least value, as the column sorts.
    case min
    /// The newest absolute write and all that others have added to it or taken from it.
    case sum

    /// True when nobody has to look at it.
    package var settles: Bool { self != .manual }

    /// True when it can settle several columns that only make sense together: by choosing one side, not by comparing
    /// or adding values.
    package var fitsUnit: Bool { self == .manual || self == .newest || self == .hub || self == .owner }
}

/// What a table's declarations come to, by data column.
package struct TablePolicy: Hashable, Sendable {
    /// The columns with another policy than `manual`.
    package var columns: [Int: Policy]
    /// How the values of a column sort, where that is not BINARY.
    package var collations: [Int: Collation]
    /// The columns that only make sense together, ascending: a write of one is a write of all. Empty: none.
    package var unit: [Int]

    package init(columns: [Int: Policy] = [:], collations: [Int: Collation] = [:], unit: [Int] = []) {
        self.columns = columns
        self.collations = collations
        self.unit = unit
    }

    package static let manual = TablePolicy()

    package func policy(of column: Int) -> Policy { columns[column] ?? .manual }

    /// The columns that ship deltas, ascending.
    package var sums: [Int] { columns.filter { $0.value == .sum }.keys.sorted() }

    /// These columns, with the rest of the unit where one of them is part of it.
    package func wholeUnits(_ columns: [Int]) -> [Int] {
        guard columns.contains(where: { unit.contains($0) }) else { return columns }
        return Set(columns + unit).sorted()
    }
}

/// What the merge of one row has to know of policies.
package struct RowPolicy: Hashable, Sendable {
    package let table: TablePolicy
    /// The replicas that the site to which the row belongs has or had; needed for the policy `owner` alone.
    package let owners: Set<UInt32>
    /// How often the hub was restored, and the seq of its change set that brings what is decided.
    package let epoch: UInt64
    package let seq: UInt64
    /// True when the author's row is another than the hub's by what is withheld of its own: then what it adds counts on
    /// what stands.
    package var isElsewhere = false

    package init(
        _ table: TablePolicy, owners: Set<UInt32> = [], epoch: UInt64 = 0, seq: UInt64 = 0
    ) {
        self.table = table
        self.owners = owners
        self.epoch = epoch
        self.seq = seq
    }

    package static let manual = RowPolicy(.manual)
}
