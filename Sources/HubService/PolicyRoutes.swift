import HTTP
import JSONText
import Presentation
import RecordViews
import Replication
import TableModel

extension HubService {
    /// Sets the policy of a table or a column, or takes it back, and answers with all policies of the table.
    func setPolicy(_ request: Request) async throws(Problem) -> Response {
        let asked = try await request.message(
            PolicyRequest.self, lack: "It names a table and a policy.",
            next: "Send table and policy; policy null takes one back.")
        let table = asked.table
        let policy = try asked.policy == .null ? nil : known(asked.policy.string, Policy.self, "policy")
        let unit = try asked.unit.flatMap { $0 == .null ? nil : $0 }.map { unit throws(Problem) in
            try known(unit.string, PolicyUnit.self, "unit")
        }
        let entry = entry(
            request, .policySet,
            [
                "table": .string(table), "column": asked.column.map { .string($0) } ?? .null,
                "policy": policy.map { .string($0.rawValue) } ?? .null,
                "unit": unit.map { .string($0.rawValue) } ?? .null,
            ])
        let views = try answering { () throws(StoreError) in
            try store.setPolicy(
                table: table, column: asked.column, policy: policy, unit: unit,
                by: request.person(asked.by), nowMs: now(), audit: entry)
            return try store.policyViews()
        }
        orderGrew()
        let own = views.filter { $0.table.lowercased() == table.lowercased() }
        return try .json(.array(own.map(\.json)))
    }

    private func known<Word: RawRepresentable & CaseIterable>(
        _ text: String?, _ type: Word.Type, _ what: String
    ) throws(Problem) -> Word where Word.RawValue == String {
        guard let word = text.flatMap({ Word(rawValue: $0) }) else {
            throw Problem(
                .badRequest, title: "There is no such \(what)", detail: "The \(what) is none that the hub knows.",
                next: "Use one of: \(Word.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return word
    }
}
