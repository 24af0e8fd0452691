import ConflictStore
import JSONText
import Replication
import SQLite

/// What applications read about an open conflict and a withheld row: the column `shown`, JSON that the hub writes when
/// it sends the record, for the views of `DisputeViews`. Values are as in `samband conflict list --json`; a long one is
/// only counted, `{"bytes":1048576}`, for a conflict must not grow beyond what a segment holds.
extension Views {
    /// Writes the column of a record that is about to be sent: text while it is open, NULL afterwards.
    package func noteShown(_ number: Int, id: UInt64) throws {
        let text: String?
        switch number {
        case ConflictTable.conflictNumber:
            text = try conflicts.record(id).flatMap { try $0.life.isOpen ? shown($0) : nil }
        case ConflictTable.withheldNumber:
            text = try conflicts.withheld(id: id).flatMap { try $0.state == .withheld ? shown($0) : nil }
        default: return
        }
        let name = number == ConflictTable.conflictNumber ? "samband_conflict" : "samband_withheld"
        let statement = try connection.cached("UPDATE \(name) SET shown = ?1 WHERE id = ?2")
        try statement.bind([text.map { .text($0) } ?? .null, .integer(Int64(id))])
        try statement.run()
    }

    /// `{"key":…,"base":…,"sides":[…]}` of a conflict, `{"key":…,"operation":…,"row":…}` of a withheld row.
    private func shown(_ record: ConflictRecord) throws -> String {
        let all = try conflict(record).json
        return try Shortening.text([
            "key": all["key"] ?? .null, "base": all["base"] ?? .null, "sides": all["sides"] ?? .null,
        ])
    }

    private func shown(_ record: WithheldRecord) throws -> String {
        let view = try withheld(record)
        var row = JSON.Object(zip(view.keyColumns, record.key).map { ($0, $1.json) })
        for (column, value) in zip(view.columns, record.values) { row[column] = value.json }
        return try Shortening.text([
            "key": view.json["key"] ?? .null, "operation": .string(record.operation.name), "row": .object(row),
        ])
    }
}

/// Keeps JSON for applications within bounds.
private enum Shortening {
    /// Bytes of a value, tried in turn until the whole is no longer than `Limits.shownBytes`.
    private static let steps = [Limits.shownValueBytes, 256, 32]

    static func text(_ json: JSON) throws -> String {
        var bytes: [UInt8] = []
        for step in steps {
            bytes = try shortened(json, step).bytes()
            if bytes.count <= Limits.shownBytes { break }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func shortened(_ json: JSON, _ limit: Int) -> JSON {
        switch json {
        case .string(let text) where text.utf8.count > limit:
            return ["bytes": .integer(Int64(text.utf8.count))]
        case .array(let values): return .array(values.map { shortened($0, limit) })
        case .object(let object):
            if object.members.count == 1, ["blob", "text_base64"].contains(object.members[0].name),
                let text = object.members[0].value.string
            {
                let count = text.utf8.count / 4 * 3 - text.utf8.suffix(2).count { $0 == UInt8(ascii: "=") }
                return count > limit ? ["bytes": .integer(Int64(count))] : json
            }
            return .object(JSON.Object(object.members.map { ($0.name, shortened($0.value, limit)) }))
        default: return json
        }
    }
}
