import HTTP
import JSONText
import Presentation
import RecordViews
import Replication
import TableModel

extension HubService {
    /// `{"table":…, "column":…, "policy":…, "unit":…}` with "by" → all policies of the table. A "policy" of null takes it
    /// back; without "unit" that stays as it is.
    func setPolicy(_ request: Request) async throws(Problem) -> Response {
        let body = try await request.json(limit: 4096)
        guard let table = body["table"]?.string, let word = body["policy"] else {
            throw Problem(
                .badRequest, title: "The request is not complete", detail: "It names a table and a policy.",
                next: "Send table and policy; policy null takes one back.")
        }
        let policy = try word == .null ? nil : known(word.string, Policy.self, "policy")
        let unit = try body["unit"].flatMap { $0 == .null ? nil : $0 }.map { unit throws(Problem) in
            try known(unit.string, PolicyUnit.self, "unit")
        }
        let entry = entry(
            request, .policySet,
            [
                "table": .string(table), "column": body["column"]?.string.map { .string($0) } ?? .null,
                "policy": policy.map { .string($0.rawValue) } ?? .null,
                "unit": unit.map { .string($0.rawValue) } ?? .null,
            ])
        let views = try answering { () throws(StoreError) in
            try store.recording(entry) { () throws(StoreError) in
                try store.setPolicy(
                    table: table, column: body["column"]?.string, policy: policy, unit: unit,
                    by: request.person(body), nowMs: now())
            }
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
