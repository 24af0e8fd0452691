import JSONText
import Replication

/// A conflict with everything around it: the answer that `conflict show` asks for.
struct ConflictDetailAnswer: Sendable {
    let conflict: ConflictAnswer
    /// What a decision names to be refused when the conflict has changed since.
    let changed: Int64
    /// The row as it stands; null when it is absent.
    let row: JSON
    let parents: [ParentAnswer]
    /// Tables with rows that refer to the conflict's row.
    let children: [String]
    /// Rows that stand in the way of a withheld one: each with its table, key and row.
    let standing: [Answer]
    let withheld: [Answer]
    let choices: [ChoiceAnswer]
    /// What fits the conflict and would be refused now, with why.
    let refused: [(choice: ChoiceAnswer, why: String)]
    /// Decisions that were taken back, each followed by who did so.
    let earlier: [ConflictAnswer.Decision]

    init(_ json: JSON) throws(CommandError) {
        let answer = try Answer(json, "a conflict")
        conflict = try ConflictAnswer(answer["conflict"])
        changed = try answer.number("changed")
        row = answer["row"]
        var parents: [ParentAnswer] = []
        for parent in try answer.list("parents") { parents.append(try ParentAnswer(parent)) }
        self.parents = parents
        children = (answer["children"].array ?? []).compactMap(\.string)
        standing = try answer.list("standing")
        withheld = try answer.list("withheld")
        choices = try ChoiceAnswer.list(answer)
        refused = try ChoiceAnswer.refused(answer)
        var earlier: [ConflictAnswer.Decision] = []
        for decision in try answer.list("earlier") { earlier.append(try ConflictAnswer.Decision(decision)) }
        self.earlier = earlier
    }
}

/// A row that another one refers to.
struct ParentAnswer: Sendable {
    let table: String
    let columns: [String]
    let parent: String
    let key: JSON
    let state: String
    let withheld: Int64?

    init(_ answer: Answer) throws(CommandError) {
        table = try answer.text("table")
        columns = (answer["columns"].array ?? []).compactMap(\.string)
        parent = try answer.text("parent")
        key = answer["key"]
        state = try answer.text("state")
        withheld = answer["withheld"].integer
    }

    /// `referral.patient`, `patient where id = 'p-1'`, and what is wrong with it.
    var cells: [String] {
        let note =
            switch state {
            case "present": ""
            case "withheld": "withheld" + (withheld.map { ": samband withheld show \($0)" } ?? "")
            default: state
            }
        return [
            "  \(table).\(columns.joined(separator: ", "))",
            "\(parent) where \(ShownValue.columns(key, separator: " and "))", note,
        ]
    }
}

/// One way to settle a conflict, as the database offers it.
struct ChoiceAnswer: Sendable {
    let how: ChoiceWord
    let site: String?
    let columns: [String]

    /// A choice that this version does not know cannot be typed either.
    static func list(_ answer: Answer) throws(CommandError) -> [ChoiceAnswer] {
        var choices: [ChoiceAnswer] = []
        for choice in try answer.list("choices") {
            guard let how = ChoiceWord(rawValue: try choice.text("how")) else { continue }
            choices.append(ChoiceAnswer(how, choice))
        }
        return choices
    }

    /// Those that fit and would be refused now. A node tries nothing, and a hub of an earlier version says nothing of it.
    static func refused(_ answer: Answer) throws(CommandError) -> [(choice: ChoiceAnswer, why: String)] {
        if answer["refused"].isNull { return [] }
        var refused: [(choice: ChoiceAnswer, why: String)] = []
        for choice in try answer.list("refused") {
            guard let how = ChoiceWord(rawValue: try choice.text("how")) else { continue }
            refused.append((ChoiceAnswer(how, choice), try choice.text("why")))
        }
        return refused
    }

    private init(_ how: ChoiceWord, _ answer: Answer) {
        self.how = how
        site = answer["site"].string
        columns = (answer["columns"].array ?? []).compactMap(\.string)
    }

    /// The choice itself; nil for `set`, whose values are asked for.
    var choice: ConflictChoice? { ConflictChoice(how, site: site) }

    private func form(_ conflict: ConflictAnswer?) -> ChoiceForm {
        guard let choice else { return .set }
        if case .take(let site) = choice, conflict?.deletes(site) == true { return .deletingSide }
        return choice.form
    }

    /// The words of the command line behind the conflict's number.
    var words: String {
        form(nil).command(
            site: site ?? ChoiceWord.now,
            assignment: columns.count == 1 ? shellWord("\(columns[0])=VALUE") : "COLUMN=VALUE …")
    }

    /// What it would do, for a conflict of this kind.
    func meaning(_ conflict: ConflictAnswer) -> String {
        let form = form(conflict)
        let meaning = ChoiceTable.rule(form, in: conflict.situation).meaning(site: site ?? "")
        // The row of a conflict that is about no withheld row may be withheld all the same.
        return meaning.isEmpty ? ChoiceTable.rule(form, in: .withheldWrite).meaning() : meaning
    }
}

/// A word as a shell has to be given it.
func shellWord(_ word: String) -> String {
    let plain = word.utf8.allSatisfy { byte in
        byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || "_-=.,:/@%+".utf8.contains(byte) || byte >= 0x80
    }
    return plain && !word.isEmpty ? word : "'" + word.replacing("'", with: "'\\''") + "'"
}
