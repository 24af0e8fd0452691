import JSONText
import RecordViews

extension DecisionReport {
    package var json: JSON {
        [
            "since": .string(rfc3339(ms: sinceMs)), "settled": .integer(Int64(settled)), "open": .integer(Int64(open)),
            "sites": .array(lines.map(\.json)), "tilt": tilt.map(\.json) ?? .null,
        ]
    }
}

extension DecisionReport.Line {
    fileprivate var json: JSON {
        [
            "site": .string(siteName(site)), "for": decidedFor.json, "against": against.json,
            "open": .integer(Int64(open)),
        ]
    }
}

extension DecisionReport.Counts {
    fileprivate var json: JSON {
        [
            "policy": .integer(Int64(self[.policy])), "person": .integer(Int64(self[.person])),
            "write": .integer(Int64(self[.write])), "all": .integer(Int64(all)),
        ]
    }
}

extension DecisionReport.Tilt {
    fileprivate var json: JSON {
        [
            "site": .string(siteName(site)), "towards": .bool(isTowards), "for": .integer(Int64(decidedFor)),
            "of": .integer(Int64(of)), "others_for": .integer(Int64(othersFor)),
            "others_of": .integer(Int64(othersOf)),
        ]
    }
}
