import JSONText
import RecordViews
import Replication

extension Explanation {
    package var json: JSON {
        [
            "table": .string(row.table), "key": row.keyJSON, "row": row.rowJSON,
            "columns": .array(columns.map(\.json)), "events": .array(events.map(\.json)),
            "conflicts": .array(conflicts.map(\.json)), "withheld": .array(withheld.map(\.json)),
            "joins": .array(joins.map(\.json)),
            "log_begins": logBegins.map { begin in
                ["position": place(begin.position), "written_at": moment(begin.hlc)]
            } ?? .null,
            "whole": .bool(isWhole),
        ]
    }
}

extension Explanation.JoinView {
    fileprivate var json: JSON {
        [
            "id": .integer(Int64(join.id)), "table": .string(join.table), "key": namedValues(keyColumns, join.key),
            "into": namedValues(keyColumns, join.into), "decision": join.decision.json,
            "undone": join.undone?.json ?? .null,
        ]
    }
}

extension ColumnStory {
    fileprivate var json: JSON {
        [
            "column": .string(column), "value": value.json,
            "written_by": writer.map { writer in
                [
                    "site": .string(siteName(writer.site)), "change": .string("\(writer.dot)"),
                    "written_at": moment(writer.hlc), "position": place(writer.position),
                    "what": .string(writer.what.rawValue),
                ]
            } ?? .null,
            // An object, so that "over NULL" and "over nothing known" are told apart.
            "over": over.map { ["value": $0.json] } ?? .null,
            "conflicts": .array(conflicts.map { .integer(Int64($0)) }),
        ]
    }
}

extension RowEvent {
    fileprivate var json: JSON {
        [
            "what": .string(what.rawValue), "outcome": .string(outcome.rawValue), "site": .string(siteName(site)),
            "change": .string("\(dot)"), "written_at": moment(hlc), "position": place(position),
            "values": namedValues(columns, values), "lost": .array(lost.map { .string($0) }),
            "conflict": conflict.map { .integer(Int64($0)) } ?? .null,
            "withheld": withheld.map { .integer(Int64($0)) } ?? .null,
            "join": join.map { .integer(Int64($0)) } ?? .null,
        ]
    }
}

private func moment(_ hlc: UInt64) -> JSON { .string(rfc3339(ms: HybridClock.milliseconds(hlc))) }

private func place(_ number: UInt64?) -> JSON { number.map { .integer(Int64($0)) } ?? .null }
