import HTTP
import HubDatabase
import JSONText
import Presentation
import Replication
import TableModel

/// Who may work at the hub from afar.
extension HubService {
    /// `{"name":…, "role":"operator"}` → the token, once: the hub keeps its digest only.
    func addOperator(_ request: Request) async throws(Problem) -> Response {
        let body = try await request.json(limit: 4096)
        guard let name = body["name"]?.string else {
            throw Problem(
                .badRequest, title: "The request is not complete", detail: "An operator has a name.",
                next: "Send a name.")
        }
        let word = body["role"]?.string ?? Role.operator.rawValue
        guard let role = Role(rawValue: word) else {
            throw Problem(
                .badRequest, title: "There is no such role", detail: "The role is none of the hub's.",
                next: "Use one of: \(Role.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        let token = randomToken()
        let entry = entry(
            request, .operatorAdded, ["operator": .string(String(name.prefix(64))), "role": .string(role.rawValue)])
        try answering { () throws(StoreError) in
            try store.recording(entry) { () throws(StoreError) in
                try store.addOperator(
                    name, role, tokenDigest: SHA256.digest(Array(token.utf8)), by: request.person(body), nowMs: now())
            }
        }
        return try .json(["name": .string(name), "role": .string(role.rawValue), "token": .string(token)])
    }

    func operatorList() throws(Problem) -> Response {
        let records = try answering { () throws(StoreError) in try store.operators() }
        return try .json(.array(records.map(\.json)))
    }

    func revokeOperator(_ name: String, _ request: Request) throws(Problem) -> Response {
        let entry = entry(request, .operatorRevoked, ["operator": .string(String(name.prefix(64)))])
        try answering { () throws(StoreError) in
            try store.recording(entry) { () throws(StoreError) in try store.revokeOperator(name, nowMs: now()) }
        }
        return try .json(["name": .string(name), "state": "revoked"])
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
