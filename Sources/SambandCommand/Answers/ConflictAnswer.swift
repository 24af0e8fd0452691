import HTTP
import JSONText
import Replication

/// A conflict as the interface tells it.
struct ConflictAnswer: Sendable {
    struct Side: Sendable {
        let site: String
        let change: String
        let writtenAt: String
        /// A value, or an object of columns; null when the row is absent on this side.
        let value: JSON
        /// Where it is a row of another table: of the child for which a parent came back.
        let table: String?
    }

    struct Decision: Sendable {
        let by: String
        let at: String
        let how: String
        let reason: String?

        init(_ answer: Answer) throws(CommandError) {
            by = try answer.text("by")
            at = try answer.text("at")
            how = try answer.text("how")
            reason = answer["reason"].string
        }

        /// `decided by kari, 2026-11-21 21:00:00 CET, take: agreed by phone`.
        func text(_ console: Console) -> String {
            let who =
                switch (by, how) {
                case (_, "write"): "settled by a write of \(by), \(console.time(at))"
                case (_, DecidedHow.release): "let in by itself, \(console.time(at))"
                case (_, DecidedHow.undo): "taken back by \(by), \(console.time(at))"
                case ("policy", _): "settled by the policy \(how), \(console.time(at))"
                default: "decided by \(by), \(console.time(at)), \(how)"
                }
            return who + (reason.map { ": \($0)" } ?? "")
        }
    }

    let id: Int64
    let kind: String
    let table: String
    let key: JSON
    /// Nil when the conflict is about a whole row.
    let column: String?
    let isOpen: Bool
    let openedAt: String
    let base: JSON
    let now: JSON
    let sides: [Side]
    let decision: Decision?

    init(_ json: JSON) throws(CommandError) {
        let answer = try Answer(json, "a conflict")
        id = try answer.number("id")
        kind = try answer.text("kind")
        table = try answer.text("table")
        key = answer["key"]
        column = answer["column"].string
        isOpen = try answer.text("state") == "open"
        openedAt = try answer.text("opened_at")
        base = answer["base"]
        now = answer["now"]
        var sides: [Side] = []
        for side in try answer.list("sides") {
            sides.append(
                Side(
                    site: try side.text("site"), change: try side.text("change"),
                    writtenAt: try side.text("written_at"), value: side["value"],
                    table: side["table"].string))
        }
        self.sides = sides
        if answer["decision"].isNull {
            decision = nil
        } else {
            decision = try Decision(try answer.object("decision"))
        }
    }

    /// `referral.status` or `referral`.
    var place: String { column.map { "\(table).\($0)" } ?? table }

    /// `referral.status where id = 'r-1'`.
    var placeWithKey: String { "\(place) where \(ShownValue.columns(key, separator: " and "))" }

    /// What one side, the base or the present has: a value, a row, or that there is no row.
    func shown(_ value: JSON) -> String {
        if column != nil { return ShownValue.text(value) }
        return value.isNull ? "no row" : ShownValue.columns(value)
    }

    /// What has happened, for who does not know the kinds by heart.
    var story: String {
        switch kind {
        case "insert": "sites made a row of this key apart from each other, with different values"
        case "cell": "sites wrote different values apart from each other"
        case "delete_update": "one site deleted the row while another wrote it: it stays until it is decided"
        case "unique": "two rows claim what only one can have: the newcomer waits"
        case "foreign_key":
            isPutBack
                ? "the row was deleted while another site referred to it: it came back for that"
                : "what it refers to, or what refers to it, is in the way: it waits"
        case "check": "what the sites wrote breaks a CHECK or NOT NULL when it is put together: the newcomer waits"
        case "scope": "the site may not write this row: it waits"
        case "invalid": "the row breaks a constraint by itself: it waits"
        default: ""
        }
    }

    /// Kinds of which a row was not taken in.
    var isWithholding: Bool { ConflictKind(rawValue: kind)?.withholds == true }

    /// A deleted row that came back for a child.
    var isPutBack: Bool { kind == ConflictKind.foreignKey.rawValue && sides.contains { $0.table != nil } }

    /// The row of the table of choices. What a later version calls a new kind is shown as two values would be.
    var situation: ConflictSituation {
        guard let kind = ConflictKind(rawValue: kind) else { return .cell }
        return ConflictSituation(kind, withheld: kind.withholds && !isPutBack ? .write : .nothing)
    }

    /// True when this side deleted the row. The last side of the name is the one that counts.
    func deletes(_ site: String) -> Bool {
        column == nil && sides.last { $0.site == site }?.value.isNull == true
    }

    /// Each site once, in the order of the sides.
    var sites: [String] {
        sides.reduce(into: []) { if !$0.contains($1.site) { $0.append($1.site) } }
    }
}
