import Replication
import Testing

@Suite("Every pair of concurrent acts ends as the page says")
struct PairTests {
    /// The policies of a cell, and the unit of a row.
    static let policies = Policy.allCases.map(\.rawValue) + ["row"]

    static let ofOneRow = [
        "insert", "update x", "update y", "delete", "re-insert", "replace", "key change",
    ]
    static let ofTheParent = ["parent delete", "cascade", "set null"]
    static let ofTheChild = [
        "new child", "child turns to it", "child update", "child delete", "child re-insert", "child replace",
        "child key change", "parent update", "parent delete", "parent re-insert", "parent replace",
    ]

    @Test("both orders of arrival, under every policy", arguments: policies)
    func ends(policy: String) throws {
        let page = try PairPage()
        let lines = page.tables.values.flatMap { $0 }
        let first = try PairFleet(page, policy: policy, order: ["snasa", "verran"]).ends()
        let second = try PairFleet(page, policy: policy, order: ["verran", "snasa"]).ends()
        for line in lines.sorted(by: { $0.number < $1.number }) {
            guard let one = first[line.number], let two = second[line.number] else { continue }
            #expect(one == line.ends.snasaFirst, "Snåsa first, policy \(policy): \(line.pair) \(text(one))")
            #expect(two == line.ends.verranFirst, "Verran first, policy \(policy): \(line.pair) \(text(two))")
        }
    }

    private func text(_ end: PairPage.End) -> String {
        [end.rows, end.conflicts, end.withheld].map { $0.isEmpty ? "none" : $0.sorted().joined(separator: "; ") }
            .joined(separator: " | ")
    }

    @Test("no pair is left out, under any policy")
    func complete() throws {
        let page = try PairPage()
        var known: Set<String> = []
        for line in page.tables.values.flatMap({ $0 }) {
            for policy in line.policies.isEmpty ? Self.policies : line.policies {
                known.insert("\(line.pair), \(policy)")
            }
        }
        var pairs: [String] = []
        for (place, one) in Self.ofOneRow.enumerated() {
            pairs += Self.ofOneRow[place...].map { "\(one) × \($0)" }
        }
        for one in Self.ofTheParent {
            // A parent that may not be deleted while it has children has none to be deleted with.
            pairs += Self.ofTheChild.map { "\(one) × \($0)" }
        }
        let missing = pairs.flatMap { pair in Self.policies.map { "\(pair), \($0)" } }.filter { !known.contains($0) }
        #expect(missing.isEmpty, "not on the page: \(missing.prefix(10))")
        let names = Set(Self.policies)
        for line in page.tables.values.flatMap({ $0 }) {
            #expect(line.policies.allSatisfy(names.contains), "\(line.pair) names a policy that is not")
        }
    }
}
