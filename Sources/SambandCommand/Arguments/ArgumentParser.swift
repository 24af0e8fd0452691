import TableModel

/// Words of a command line → what to run. Strict: what is not understood is refused, with the nearest thing that
/// would be.
///
/// Options come before, between and behind the words of a verb; `--name=value` and `--name value` mean the same;
/// behind `--` nothing is an option; `-` is a value (standard input), and so is a number such as `-1.5`.
struct ArgumentParser {
    enum Outcome {
        case run(Invocation)
        /// Help about these words; none for the tool as a whole.
        case help([String])
        case version
    }

    let catalogue: Catalogue
    let environment: [String: String]

    func parse(_ words: [String]) throws(CommandError) -> Outcome {
        let options = words.prefix { $0 != "--" }
        let wantsHelp = options.contains { $0 == "--help" || $0 == "-h" }
        if !wantsHelp, words == ["--version"] { return .version }
        var reading = Reading(rest: words[...])
        let found = try findVerb(&reading, wantsHelp: wantsHelp)
        guard case .verb(let verb) = found else {
            if case .help(let words) = found { return .help(words) }
            return .help([])
        }
        if wantsHelp { return .help(verb.words) }
        if verb.words == ["help"] {
            return .help(reading.rest.filter { $0 != "--" })
        }
        try readRest(&reading, verb)
        return .run(try invocation(verb, reading))
    }

    /// What has been read so far, and what has not.
    private struct Reading {
        var rest: ArraySlice<String>
        var positional: [String] = []
        var values: [String: [String]] = [:]
    }

    // MARK: The verb

    private enum Found {
        case verb(Verb)
        case help([String])
    }

    private func findVerb(_ reading: inout Reading, wantsHelp: Bool) throws(CommandError) -> Found {
        var path: [String] = []
        while let word = reading.rest.first {
            if isOption(word) {
                if word == "--help" || word == "-h" {
                    reading.rest.removeFirst()
                    continue
                }
                try readOption(&reading, of: nil)
                continue
            }
            reading.rest.removeFirst()
            path.append(word)
            if let verb = catalogue.verb(path) { return .verb(verb) }
            if let later = catalogue.later(path) {
                if wantsHelp { return .help(path) }
                throw .words(
                    "\(later.name) is not in this version yet",
                    hint: "It will \(later.summary). See: samband help")
            }
            if !catalogue.isGroup(path) { throw unknown(path) }
        }
        if wantsHelp { return .help(path) }
        let what =
            path.isEmpty ? "a verb" : "what to do: \(catalogue.nextWords(path).joined(separator: ", "))"
        throw .words(
            "samband\(path.map { " " + $0 }.joined()) needs \(what)",
            hint: "See: samband help\(path.map { " " + $0 }.joined())")
    }

    private func unknown(_ path: [String]) -> CommandError {
        let group = Array(path.dropLast())
        let known = catalogue.nextWords(group)
        let start = (["samband"] + group).joined(separator: " ")
        if let near = nearest(path[path.count - 1], known) {
            return .words(
                "there is no verb \(path.joined(separator: " "))", hint: "Did you mean: \(start) \(near)")
        }
        return .words(
            "there is no verb \(path.joined(separator: " "))",
            hint: group.isEmpty ? "See: samband help" : "Known here: \(known.joined(separator: ", ")).")
    }

    // MARK: Options and arguments

    private func isOption(_ word: String) -> Bool {
        guard word.hasPrefix("-"), word != "-" else { return false }
        // A negative number, for instance as a key.
        let second = word.utf8.dropFirst().first ?? 0
        return !(second &- 0x30 < 10 || second == UInt8(ascii: "."))
    }

    private func readRest(_ reading: inout Reading, _ verb: Verb) throws(CommandError) {
        for name in reading.values.keys.sorted() where verb.option(name) == nil {
            throw noOption("--" + name, verb)
        }
        while let word = reading.rest.first {
            if word == "--" {
                reading.positional += reading.rest.dropFirst()
                return
            }
            if isOption(word) {
                try readOption(&reading, of: verb)
            } else {
                reading.rest.removeFirst()
                reading.positional.append(word)
            }
        }
    }

    /// Reads one option and its value. Before the verb is known, only the shared ones are.
    private func readOption(_ reading: inout Reading, of verb: Verb?) throws(CommandError) {
        let word = reading.rest.removeFirst()
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let known = verb?.options ?? Option.place + [.json]
        guard word.hasPrefix("--"), let option = known.first(where: { "--\($0.name)" == parts[0] }) else {
            throw noOption(String(parts[0]), verb)
        }
        if option.isLater {
            throw .words("--\(option.name) is not in this version yet", hint: option.about)
        }
        if reading.values[option.name] != nil, !option.isRepeatable {
            throw .words("--\(option.name) is given twice", hint: "Give it once.")
        }
        guard let placeholder = option.value else {
            if parts.count == 2 {
                throw .words("--\(option.name) takes no value", hint: "Leave out \(parts[1]).")
            }
            reading.values[option.name] = [""]
            return
        }
        if parts.count == 2 {
            reading.values[option.name, default: []].append(String(parts[1]))
            return
        }
        guard let value = reading.rest.first, !value.hasPrefix("--") else {
            throw .words(
                "--\(option.name) needs a value",
                hint:
                    "Write --\(option.name) \(placeholder), or --\(option.name)=… for a value that begins with --."
            )
        }
        reading.rest.removeFirst()
        reading.values[option.name, default: []].append(value)
    }

    private func noOption(_ word: String, _ verb: Verb?) -> CommandError {
        let known = (verb?.options ?? Option.place + [.json]).filter { !$0.isLater }.map { "--" + $0.name }
        let place = verb.map { "samband \($0.name)" } ?? "samband"
        let hint =
            nearest(word, known).map { "Did you mean \($0)?" }
            ?? "See: samband help\(verb.map { " " + $0.name } ?? "")"
        return .words("\(place) has no option \(word)", hint: hint)
    }

    private func invocation(_ verb: Verb, _ reading: Reading) throws(CommandError) -> Invocation {
        var arguments: [String: String] = [:]
        for (index, argument) in verb.arguments.enumerated() {
            if index < reading.positional.count {
                arguments[argument.name] = reading.positional[index]
            } else if !argument.isOptional {
                throw .words(
                    "\(verb.name) needs \(argument.name), \(argument.about)",
                    hint: "See: samband help \(verb.name)")
            }
        }
        if reading.positional.count > verb.arguments.count {
            let extra = reading.positional[verb.arguments.count]
            throw .words(
                "\(verb.name) does not know what to do with \(extra)",
                hint: "Text with blanks goes in quotes. See: samband help \(verb.name)")
        }
        var values = reading.values
        for option in verb.options {
            // A place that is named on the command line counts for itself, without the rest from the environment.
            if let variable = option.variable, let value = environment[variable], !value.isEmpty,
                values[option.name] == nil
            {
                if option == .database, values[Option.hub.name] != nil { continue }
                if option == .hub, reading.values[Option.database.name] != nil { continue }
                values[option.name] = [value]
            }
        }
        return Invocation(verb, arguments: arguments, values: values)
    }
}
