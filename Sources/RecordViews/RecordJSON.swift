import ConflictStore
import JSONText
import Replication

/// The store's records in the JSON that scripts rely on. The same for hub and node.
extension ConflictView {
    package var json: JSON {
        let sides = record.life.sides.indices.map { index -> JSON in
            let side = record.life.sides[index]
            var object = JSON.Object([
                ("site", .string(siteName(sites[index]))), ("change", .string("\(side.dot)")),
                ("written_at", .string(rfc3339(ms: HybridClock.milliseconds(side.hlc)))),
                ("value", value(of: side, sideNames[index])),
            ])
            // A child of the parent that the conflict is about.
            if sideNames[index].table != record.table { object["table"] = .string(sideNames[index].table) }
            return .object(object)
        }
        let base: JSON =
            switch record.base {
            case .cell(let value): value.json
            case .row(let data): data.map { shown($0) } ?? .null
            }
        let standing: JSON =
            if let column = record.columnIndex { now.map { $0[column].json } ?? .null } else {
                now.map { shown($0) } ?? .null
            }
        return [
            "id": .integer(Int64(record.id)), "kind": .string(record.kind.rawValue), "table": .string(record.table),
            "key": namedValues(keyColumns, record.key), "column": record.column.map { .string($0) } ?? .null,
            "state": .string(record.life.isOpen ? "open" : "settled"),
            "opened_at": .string(rfc3339(ms: record.openedAtMs)), "base": base, "now": standing,
            "sides": .array(sides), "decision": decision,
        ]
    }

    /// The row as it stands, key included; null when it is absent.
    package var rowJSON: JSON { now.map { whole($0) } ?? .null }

    /// Columns that only make sense together are one cell: a conflict about them is not about the whole row.
    private var isUnit: Bool { record.kind == .cell && record.columnIndex == nil }

    private func value(of side: ConflictSide, _ names: RowNames) -> JSON {
        if record.columnIndex != nil { return side.value?.json ?? .null }
        guard let cells = side.row else { return .null }
        return isUnit
            ? row(of: cells, key: [], names.keyColumns, names.dataColumns)
            : row(of: cells, key: side.key ?? record.key, names.keyColumns, names.dataColumns)
    }

    /// A whole row as the conflict shows it: of a unit, its columns.
    private func shown(_ data: [Value]) -> JSON {
        guard isUnit else { return whole(data) }
        let unit = Set(record.life.sides.flatMap { ($0.row ?? [:]).keys })
        let cells = data.enumerated().filter { unit.contains($0.offset) }.map { ($0.offset, $0.element) }
        return row(of: Dictionary(uniqueKeysWithValues: cells), key: [], keyColumns, dataColumns)
    }

    private var decision: JSON {
        if let decision = record.decision { return decision.json }
        switch record.life.settlement {
        case .policy:
            return [
                "by": "policy", "at": .string(rfc3339(ms: record.openedAtMs)), "how": "newest", "reason": .null,
            ]
        case .write:
            let side = record.life.settledBy
            return [
                "by": .string(settledBySite.map(siteName) ?? "write"),
                "at": .string(rfc3339(ms: side.map { HybridClock.milliseconds($0.hlc) } ?? record.openedAtMs)),
                "how": "write", "reason": .null,
            ]
        case .person, nil: return .null
        }
    }

    private func whole(_ data: [Value]) -> JSON {
        row(
            of: Dictionary(uniqueKeysWithValues: data.enumerated().map { ($0, $1) }), key: record.key, keyColumns,
            dataColumns)
    }

    private func row(
        of cells: [Int: Value], key: [Value], _ keyColumns: [String], _ dataColumns: [String]
    ) -> JSON {
        var object = JSON.Object(zip(keyColumns, key).map { ($0, $1.json) })
        for (column, value) in cells.sorted(by: { $0.key < $1.key }) where column < dataColumns.count {
            object[dataColumns[column]] = value.json
        }
        return .object(object)
    }
}

extension Decision {
    package var json: JSON {
        [
            "by": .string(by), "at": .string(rfc3339(ms: atMs)), "how": .string(how),
            "reason": reason.map { .string($0) } ?? .null,
        ]
    }
}

/// The hub's own replica belongs to no site.
package func siteName(_ site: String) -> String { site.isEmpty ? "hub" : site }

extension WithheldView {
    package var json: JSON {
        [
            "id": .integer(Int64(record.id)), "conflict": .integer(Int64(record.conflict)),
            "table": .string(record.table), "key": namedValues(keyColumns, record.key),
            "site": .string(siteName(site)), "change": .string("\(record.dot)"),
            "operation": .string(record.operation.name), "values": namedValues(columns, record.values),
            "state": .string(record.state.rawValue),
        ]
    }
}

extension LogView {
    package var json: JSON {
        let header = entry.header
        return [
            "change": .string("\(header.dot)"),
            "position": entry.position.map { .integer(Int64($0)) } ?? .null,
            "site": .string(siteName(site)), "kind": .string(header.kind.name),
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
            "site": .string(siteName(site)),
            "written_at": .string(rfc3339(ms: HybridClock.milliseconds(entry.header.hlc))),
            "operation": .string(operation.name), "values": namedValues(columns, values),
        ]
    }
}

extension PolicyView {
    package var json: JSON {
        [
            "table": .string(table), "column": column.map { .string($0) } ?? .null,
            "policy": policy.map { .string($0) } ?? .null, "unit": .string(unit.rawValue),
            "set_by": setBy.map { .string($0) } ?? .null,
            "set_at": setAtMs.map { .string(rfc3339(ms: $0)) } ?? .null,
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

/// Values under the names of their columns, as a JSON object.
package func namedValues(_ columns: [String], _ values: [Value]) -> JSON {
    .object(JSON.Object(zip(columns, values).map { ($0, $1.json) }))
}
