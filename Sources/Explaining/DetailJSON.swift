import JSONText
import RecordViews
import Replication

/// What stands around a conflict or a withheld row, for who has to judge it.
extension ConflictDetail {
    package var json: JSON {
        [
            "conflict": view.json, "changed": .integer(Int64(view.record.life.changed)), "row": view.rowJSON,
            "parents": .array(parents.map(\.json)), "children": .array(children.map { .string($0) }),
            "standing": .array(standing.map(\.json)),
            "withheld": .array(withheld.map(\.json)), "choices": .array(choices.map(\.json)),
            "refused": .array(refused.map(\.json)), "earlier": .array(view.record.earlier.map(\.json)),
        ]
    }
}

extension WithheldDetail {
    package var json: JSON {
        [
            "withheld": view.json, "state": .string(view.record.state.rawValue),
            "conflict": conflict?.view.json ?? .null,
            "changed": conflict.map { .integer(Int64($0.view.record.life.changed)) } ?? .null,
            "missing": .array(missing.map(\.json)), "standing": .array(standing.map(\.json)),
            "waiting": .array(waiting.map(\.json)), "choices": .array((conflict?.choices ?? []).map(\.json)),
            "refused": .array((conflict?.refused ?? []).map(\.json)),
        ]
    }
}

extension RefusedChoice {
    fileprivate var json: JSON {
        ["how": .string(choice.how.rawValue), "site": choice.site.map { .string($0) } ?? .null, "why": .string(why)]
    }
}

extension ParentView {
    package var json: JSON {
        [
            "table": .string(table), "columns": .array(columns.map { .string($0) }), "parent": .string(parent),
            "key": namedValues(parentColumns, values), "state": .string(state.rawValue),
            "withheld": withheld.map { .integer(Int64($0)) } ?? .null,
        ]
    }
}

extension RowView {
    /// The table, the key, and the row with its key; null where there is none.
    package var json: JSON {
        ["table": .string(table), "key": namedValues(keyColumns, key), "row": rowJSON]
    }

    package var keyJSON: JSON { namedValues(keyColumns, key) }

    package var rowJSON: JSON { data.map { namedValues(keyColumns + dataColumns, key + $0) } ?? .null }
}

extension FittingChoice {
    package var json: JSON {
        [
            "how": .string(how.rawValue), "site": site.map { .string($0) } ?? .null,
            "columns": .array(columns.map { .string($0) }),
        ]
    }
}
