/// The help: for the tool, for a group of verbs, for one verb.
struct HelpText {
    let catalogue: Catalogue

    /// Nil when the words are no verb and no group.
    func text(_ words: [String]) -> String? {
        if words.isEmpty { return overview }
        if let verb = catalogue.verb(words) { return page(verb) }
        if let later = catalogue.later(words) {
            return "samband \(later.name) – \(later.summary)\n\nNot in this version yet.\n"
        }
        return catalogue.isGroup(words) ? group(words) : nil
    }

    private var overview: String {
        var text = """
            samband – keeps the SQLite databases of several sites in step

            Usage: samband VERB [options]

            """
        for group in catalogue.groups {
            text += "\n\(group.title)\n" + list(group.verbs.map { ($0.usage, $0.summary) })
        }
        text += "\nLater, not in this version\n"
        text += later
        text += """

            Which database or hub
            """
        text += "\n" + list(Option.place.map { ($0.usage, $0.about) })
        text += """

            Every verb that reads takes --json. More about one: samband help VERB
            Exit: 0 done, 1 the answer is no, 64 usage, 69 hub not reachable, 70 our mistake,
                  74 input/output, 75 try later, 77 not permitted

            """
        return text
    }

    /// What is to come, by first word; verbs of one word in a line of their own.
    private var later: String {
        var names: [(name: String, about: [String])] = []
        var single: [String] = []
        for later in catalogue.later {
            if later.words.count == 1 {
                single.append(later.name)
            } else if let last = names.last, last.name == later.words[0] {
                names[names.count - 1].about.append(later.words[1])
            } else {
                names.append((later.words[0], [later.words[1]]))
            }
        }
        return list(names.map { ($0.name, $0.about.joined(separator: ", ")) })
            + "  \(single.joined(separator: ", "))\n"
    }

    private func group(_ words: [String]) -> String {
        func belongs(_ candidate: [String]) -> Bool { Array(candidate.prefix(words.count)) == words }
        var text = "Usage: samband \(words.joined(separator: " ")) VERB [options]\n\n"
        text += list(catalogue.verbs.filter { belongs($0.words) }.map { ($0.usage, $0.summary) })
        let later = catalogue.later.filter { belongs($0.words) }
        if !later.isEmpty {
            text += "\nLater, not in this version\n" + list(later.map { ($0.name, $0.summary) })
        }
        return text
    }

    private func page(_ verb: Verb) -> String {
        var text = "samband \(verb.name) – \(verb.summary)\n\nUsage: samband \(verb.usage)"
        let options = verb.options.filter { !$0.isLater }
        text += options.isEmpty ? "\n" : " [options]\n"
        if !verb.details.isEmpty { text += "\n" + verb.details.joined(separator: "\n") + "\n" }
        if !verb.arguments.isEmpty { text += "\n" + list(verb.arguments.map { ($0.name, $0.about) }) }
        if !options.isEmpty { text += "\n" + list(options.map { ($0.usage, $0.about) }) }
        if !verb.examples.isEmpty {
            text += "\nExamples\n" + verb.examples.map { "  \($0)\n" }.joined()
        }
        return text
    }

    private func list(_ items: [(name: String, about: String)]) -> String {
        let width = items.map { Visible.width($0.name) }.max() ?? 0
        return items.map { item in
            let gap = String(repeating: " ", count: width - Visible.width(item.name))
            return item.about.isEmpty ? "  \(item.name)\n" : "  \(item.name)\(gap)   \(item.about)\n"
        }.joined()
    }
}

extension Verb {
    /// `conflict show ID`.
    fileprivate var usage: String {
        ([name] + arguments.map { $0.isOptional ? "[\($0.name)]" : $0.name }).joined(separator: " ")
    }
}

extension Option {
    /// `--set COL=VALUE …`.
    fileprivate var usage: String {
        "--\(name)" + (value.map { " \($0)" } ?? "") + (isRepeatable ? " …" : "")
    }
}
