import HTTP
import ReplicaStore
import Replication

/// The store's records in the JSON that scripts rely on. The same for hub and node.
extension ConflictView {
    package var json: JSON {
        let isCell = record.columnIndex != nil
        let sides = zip(record.life.sides, sites).map { side, site -> JSON in
            let value: JSON =
                isCell
                ? side.value?.json ?? .null
                : side.row.map { row(of: $0, key: side.key ?? record.key) } ?? .null
            return [
                "site": .string(site.isEmpty ? "hub" : site), "change": .string("\(side.dot)"),
                "written_at": .string(rfc3339(ms: HybridClock.milliseconds(side.hlc))), "value": value,
            ]
        }
        let base: JSON =
            switch record.base {
            case .cell(let value): value.json
            case .row(let data): data.map { whole($0) } ?? .null
            }
        let standing: JSON =
            if let column = record.columnIndex { now.map { $0[column].json } ?? .null } else {
                now.map { whole($0) } ?? .null
            }
        return [
            "id": .integer(Int64(record.id)), "kind": .string(record.kind.rawValue), "table": .string(record.table),
            "key": named(keyColumns, record.key), "column": record.column.map { .string($0) } ?? .null,
            "state": .string(record.life.isOpen ? "open" : "settled"),
            "opened_at": .string(rfc3339(ms: record.openedAtMs)), "base": base, "now": standing,
            "sides": .array(sides), "decision": decision,
        ]
    }

    /// The row as it stands, key included; null when it is absent.
    package var rowJSON: JSON { now.map { whole($0) } ?? .null }

    private var decision: JSON {
        if let decision = record.decision {
            return [
                "by": .string(decision.by), "at": .string(rfc3339(ms: decision.atMs)), "how": .string(decision.how),
                "reason": decision.reason.map { .string($0) } ?? .null,
            ]
        }
        switch record.life.settlement {
        case .policy:
            return [
                "by": "policy", "at": .string(rfc3339(ms: record.openedAtMs)), "how": "newest", "reason": .null,
            ]
        case .write:
            let side = record.life.settledBy
            return [
                "by": .string(side.map { "\($0.dot)" } ?? "write"),
                "at": .string(rfc3339(ms: side.map { HybridClock.milliseconds($0.hlc) } ?? record.openedAtMs)),
                "how": "write", "reason": .null,
            ]
        case .person, nil: return .null
        }
    }

    private func whole(_ data: [Value]) -> JSON {
        row(of: Dictionary(uniqueKeysWithValues: data.enumerated().map { ($0, $1) }), key: record.key)
    }

    private func row(of cells: [Int: Value], key: [Value]) -> JSON {
        var object = JSON.Object(zip(keyColumns, key).map { ($0, $1.json) })
        for (column, value) in cells.sorted(by: { $0.key < $1.key }) where column < dataColumns.count {
            object[dataColumns[column]] = value.json
        }
        return .object(object)
    }
}

extension WithheldView {
    package var json: JSON {
        [
            "id": .integer(Int64(record.id)), "conflict": .integer(Int64(record.conflict)),
            "table": .string(record.table), "key": named(keyColumns, record.key),
            "site": .string(site), "change": .string("\(record.dot)"),
            "operation": .string(record.operation.name), "values": named(columns, record.values),
        ]
    }
}

extension LogView {
    package var json: JSON {
        let header = entry.header
        return [
            "change": .string("\(header.dot)"),
            "position": entry.position.map { .integer(Int64($0)) } ?? .null,
            "site": .string(site.isEmpty ? "hub" : site), "kind": .string(header.kind.name),
            "written_at": .string(rfc3339(ms: HybridClock.milliseconds(header.hlc))),
            "rows": .integer(Int64(header.rowCount)), "bytes": .integer(Int64(bytes)),
            "schema_version": .integer(Int64(header.schemaVersion)),
        ]
    }
}

extension HistoryView {
    package var json: JSON {
        [
            "change": .string("\(entry.header.dot)"),
            "position": entry.position.map { .integer(Int64($0)) } ?? .null,
            "site": .string(site.isEmpty ? "hub" : site),
            "written_at": .string(rfc3339(ms: HybridClock.milliseconds(entry.header.hlc))),
            "operation": .string(operation.name), "values": named(columns, values),
        ]
    }
}

extension VectorClock {
    /// `{"391":12,"8070":41}`, by replica number.
    package var json: JSON {
        .object(JSON.Object(entries.map { (String($0.replica), .integer(Int64(clamping: $0.seq))) }))
    }

    /// Reads the same; nil for anything else.
    package init?(json: JSON) {
        guard let object = json.object else { return nil }
        var pairs: [(UInt32, UInt64)] = []
        for member in object.members {
            guard let replica = UInt32(member.name), let seq = member.value.integer, seq >= 0 else { return nil }
            pairs.append((replica, UInt64(seq)))
        }
        self.init(pairs)
    }
}

extension Operation {
    /// The word for people and scripts.
    package var name: String {
        switch self {
        case .insert: "insert"
        case .update: "update"
        case .replace: "replace"
        case .delete: "delete"
        case .carried: "carried"
        case .decided: "decided"
        case .evicted: "evicted"
        case .restored: "restored"
        }
    }
}

extension ChangeSetHeader.Kind {
    package var name: String {
        switch self {
        case .local: "local"
        case .arbitration: "arbitration"
        case .decision: "decision"
        }
    }
}

private func named(_ columns: [String], _ values: [Value]) -> JSON {
    .object(JSON.Object(zip(columns, values).map { ($0, $1.json) }))
}
