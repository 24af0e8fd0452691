import Auditing
import HTTP
import HubDatabase
import JSONText
import Presentation
import Replication
import TableModel

/// Who may work at the hub from afar.
extension HubService {
    /// Makes a token for a person, and shows it once: the hub keeps its digest only.
    func addOperator(_ request: Request) async throws(Problem) -> Response {
        let asked = try await request.message(
            OperatorInvitation.self, lack: "An operator has a name.", next: "Send a name.")
        guard let role = Role(rawValue: asked.role ?? Role.operator.rawValue) else {
            throw Problem(
                .badRequest, title: "There is no such role", detail: "The role is none of the hub's.",
                next: "Use one of: \(Role.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        let token = randomToken()
        let details: JSON = ["operator": .string(String(asked.name.prefix(64))), "role": .string(role.rawValue)]
        try recording(request, .operatorAdded, details) { entry throws(StoreError) in
            try store.addOperator(
                asked.name, role, tokenDigest: SHA256.digest(Array(token.utf8)), by: request.person(asked.by),
                nowMs: now(), audit: entry)
        }
        return try .json(Message<OperatorToken> { ($0.name, $0.role, $0.token) = (asked.name, role.rawValue, token) })
    }

    func operatorList() throws(Problem) -> Response {
        let records = try answering { () throws(StoreError) in try store.operators() }
        return try .json(.array(records.map(\.json)))
    }

    func revokeOperator(_ name: String, _ request: Request) throws(Problem) -> Response {
        try recording(request, .operatorRevoked, ["operator": .string(String(name.prefix(64)))]) {
            entry throws(StoreError) in try store.revokeOperator(name, nowMs: now(), audit: entry)
        }
        return try .json(Message<NewState> { ($0.name, $0.state) = (name, "revoked") })
    }
}

extension OperatorRecord {
    fileprivate var json: JSON {
        [
            "name": .string(name), "role": .string(role.rawValue),
            "state": .string(revokedMs == nil ? "active" : "revoked"), "added": .string(rfc3339(ms: addedMs)),
            "added_by": .string(addedBy), "revoked": revokedMs.map { .string(rfc3339(ms: $0)) } ?? .null,
            "last_used": lastUsedMs.map { .string(rfc3339(ms: $0)) } ?? .null,
        ]
    }
}
