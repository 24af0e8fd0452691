import HTTP
import JSONText

/// An object in an answer, read member by member. What is missing or of another kind is a disagreement between this
/// tool and the process that answered, and is told as one.
struct Answer: Sendable {
    private let object: JSON.Object
    private let what: String

    init(_ json: JSON, _ what: String) throws(CommandError) {
        guard let object = json.object else { throw Answer.strange(what, "another form than expected") }
        self.object = object
        self.what = what
    }

    static func list(_ json: JSON, _ what: String) throws(CommandError) -> [Answer] {
        guard let values = json.array else { throw strange(what, "another form than expected") }
        var answers: [Answer] = []
        for value in values { answers.append(try Answer(value, what)) }
        return answers
    }

    /// Any value; null when there is none.
    subscript(name: String) -> JSON { object[name] ?? .null }

    func text(_ name: String) throws(CommandError) -> String {
        guard let text = object[name]?.string else { throw Answer.strange(what, "no text \(name)") }
        return text
    }

    func number(_ name: String) throws(CommandError) -> Int64 {
        guard let number = object[name]?.integer else { throw Answer.strange(what, "no number \(name)") }
        return number
    }

    func list(_ name: String) throws(CommandError) -> [Answer] {
        guard object[name]?.array != nil else { throw Answer.strange(what, "no list \(name)") }
        return try Answer.list(self[name], what)
    }

    func object(_ name: String) throws(CommandError) -> Answer {
        guard object[name]?.object != nil else { throw Answer.strange(what, "no object \(name)") }
        return try Answer(self[name], what)
    }

    /// The number, or – where there is none.
    func shownNumber(_ name: String) -> String { object[name]?.integer.map(String.init) ?? "–" }

    /// The object as it came.
    var json: JSON { .object(object) }

    var members: [JSON.Object.Member] { object.members }

    private static func strange(_ what: String, _ lack: String) -> CommandError {
        CommandError(
            .bug, "the answer about \(what) has \(lack)",
            hint: "Check that this tool and the process that answers are of the same version: samband version"
        )
    }
}

/// `{"391":12,"8070":41}` → `391:12 8070:41`.
func shownVector(_ json: JSON) -> String {
    let entries = (json.object?.members ?? []).map { "\($0.name):\($0.value.integer ?? 0)" }
    return entries.isEmpty ? "–" : entries.joined(separator: " ")
}

func count(_ number: Int64, _ one: String, _ many: String) -> String {
    number == 1 ? "1 \(one)" : "\(number) \(many)"
}
