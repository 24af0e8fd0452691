import JSONText
import Replication

/// A choice in a request: a member named for its word, with the site or `now`, an object of columns, or true.
extension ConflictChoice {
    package var member: (name: String, value: JSON) {
        let value: JSON =
            switch self {
            case .take(let site): .string(site)
            case .now: .string(ChoiceWord.now)
            case .set(let values): .object(JSON.Object(values.members.map { ($0.column, $0.value.json) }))
            case .restore, .delete, .admit, .discard: true
            }
        return (word.rawValue, value)
    }

    /// What is set to something that is no value of SQLite.
    package struct NoValue: Error { package let column: String }

    /// All choices that a request makes: it has to make one.
    package static func all(in body: JSON) throws(NoValue) -> [ConflictChoice] {
        var choices: [ConflictChoice] = []
        for word in ChoiceWord.allCases {
            let member = body[word.rawValue]
            switch word {
            case .take: if let site = member?.string { choices.append(ConflictChoice(word, site: site) ?? .now) }
            case .set:
                guard let object = member?.object else { continue }
                var values = ChosenValues()
                for set in object.members {
                    guard let value = Value(json: set.value) else { throw NoValue(column: set.name) }
                    values[set.name] = value
                }
                choices.append(.set(values))
            case .restore, .delete, .admit, .discard:
                if member?.bool == true, let choice = ConflictChoice(word) { choices.append(choice) }
            }
        }
        return choices
    }
}
