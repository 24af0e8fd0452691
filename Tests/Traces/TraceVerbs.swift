import JSONText

extension TraceFile {
    /// Why a line is no act.
    struct NotUnderstood: Error {
        let why: String
    }

    /// What a site's node does.
    enum Exchange: String {
        case seal, push, pull, sync
    }

    /// One act.
    enum Verb {
        case write(site: String, sql: String)
        case exchange([String], Exchange)
        case inEachOrder([String], Exchange)
        case settle
        case wait(UInt64)
        case line(site: String, isDown: Bool)
        case clock(site: String, Int64)
        case join(String)
        case keepFile(String)
        case putBackFile(String)
        case backUpHub
        case loseHub
        case restartHub
        case resolve(Which, JSON.Object)
        case undo(Int64, isTrial: Bool)
        case merge(table: String, key: JSON, into: JSON)
        case unmerge(Int64)
        case policy(table: String, column: String, JSON)
        case show(String?)
        case choices
        case explain(table: String, key: JSON)
    }

    /// Which conflict: by its number, or the only open one of its kind, and of its column.
    enum Which {
        case number(Int64)
        case kind(String, column: String?)
    }
}

extension TraceFile.Verb {
    /// - Parameter rest: the indented lines below.
    init(_ line: String, _ rest: String, sites: [String]) throws {
        if let colon = line.firstIndex(of: ":"), sites.contains(String(line[..<colon])) {
            let sql = line[line.index(after: colon)...].drop { $0 == " " }
            self = .write(site: String(line[..<colon]), sql: sql + "\n" + rest)
            return
        }
        guard rest.isEmpty else { throw TraceFile.NotUnderstood(why: "only SQL of a site goes on in further lines") }
        let words = TraceFile.words(line)
        let named = Array(words.prefix { sites.contains($0) })
        if let verb = try Self.ofSites(named, Array(words.dropFirst(named.count))) {
            self = verb
        } else if let verb = try Self.ofTheHub(words, sites) {
            self = verb
        } else if let verb = try Self.ofOperators(words, sites) {
            self = verb
        } else {
            throw TraceFile.NotUnderstood(
                why: "no such act: \(line). The sites are \(sites.joined(separator: ", ")); README.md has the acts")
        }
    }

    private static func ofSites(_ sites: [String], _ words: [String]) throws -> Self? {
        guard let site = sites.first else { return nil }
        if let exchange = words.count == 1 ? TraceFile.Exchange(rawValue: words[0]) : nil {
            return .exchange(sites, exchange)
        }
        guard sites.count == 1 else { return nil }
        return switch words {
        case ["down"]: .line(site: site, isDown: true)
        case ["up"]: .line(site: site, isDown: false)
        case ["file", "kept"]: .keepFile(site)
        case ["file", "put", "back"]: .putBackFile(site)
        default: nil
        }
    }

    private static func ofTheHub(_ words: [String], _ sites: [String]) throws -> Self? {
        switch (words[0], words.count) {
        case ("in", 5...) where words[1...2] == ["each", "order"]:
            guard let exchange = TraceFile.Exchange(rawValue: words.last!) else { return nil }
            return .inEachOrder(Array(words[3..<words.count - 1]), exchange)
        case ("settle", 1): return .settle
        case ("wait", 2): return UInt64(words[1]).map { .wait($0) }
        case ("clock", 3):
            guard sites.contains(words[1]), let ms = Int64(words[2]) else {
                throw TraceFile.NotUnderstood(why: "write `clock SITE MILLISECONDS`")
            }
            return .clock(site: words[1], ms)
        case ("hub", 3) where words[1...] == ["backed", "up"]: return .backUpHub
        case ("hub", 2) where words[1] == "lost": return .loseHub
        case ("hub", 2) where words[1] == "restarts": return .restartHub
        case (_, 2) where words[1] == "joins": return .join(words[0])
        default: return nil
        }
    }

    private static func ofOperators(_ words: [String], _ sites: [String]) throws -> Self? {
        switch (words[0], words.count) {
        case ("undo", 2): return Int64(words[1]).map { .undo($0, isTrial: false) }
        case ("try", 3) where words[1] == "undo": return Int64(words[2]).map { .undo($0, isTrial: true) }
        case ("resolve", 3...), ("try", 3...):
            let which: TraceFile.Which
            if let number = Int64(words[1]) {
                which = .number(number)
            } else {
                let parts = words[1].split(separator: ".").map(String.init)
                which = .kind(parts[0], column: parts.count > 1 ? parts[1] : nil)
            }
            var body = try TraceFile.choice(Array(words.dropFirst(2)))
            if words[0] == "try" { body["dry_run"] = true }
            return .resolve(which, body)
        case ("merge", 5) where words[3] == "into":
            return .merge(table: words[1], key: try TraceFile.key(words[2]), into: try TraceFile.key(words[4]))
        case ("unmerge", 2): return Int64(words[1]).map { .unmerge($0) }
        case ("policy", 3):
            let parts = words[1].split(separator: ".").map(String.init)
            guard parts.count == 2 else { throw TraceFile.NotUnderstood(why: "write `policy TABLE.COLUMN NAME`") }
            return .policy(table: parts[0], column: parts[1], words[2] == "none" ? .null : .string(words[2]))
        case ("show", 1): return .show(nil)
        case ("show", 2) where sites.contains(words[1]) || words[1] == "hub": return .show(words[1])
        case ("choices", 1): return .choices
        case ("explain", 3): return .explain(table: words[1], key: try TraceFile.key(words[2]))
        default: return nil
        }
    }
}

extension TraceFile {
    /// Words of a line; blanks within quotes do not part them.
    static func words(_ line: String) -> [String] {
        var words: [String] = []
        var word = ""
        var isQuoted = false
        for character in line {
            if character == "'" { isQuoted.toggle() }
            if character == " ", !isQuoted {
                if !word.isEmpty { words.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        return word.isEmpty ? words : words + [word]
    }

    /// A key: literals between commas, without blanks.
    static func key(_ text: String) throws -> JSON {
        .array(try text.split(separator: ",").map { try literal(String($0)) })
    }

    private static func literal(_ text: String) throws -> JSON {
        if text == "NULL" { return .null }
        if let number = Int64(text) { return .integer(number) }
        guard text.count >= 2, text.hasPrefix("'"), text.hasSuffix("'") else {
            throw NotUnderstood(why: "\(text) is no value: write a number, 'text' or NULL")
        }
        return .string(String(text.dropFirst().dropLast()))
    }

    /// `take SITE`, `set COLUMN=VALUE …`, `restore`, `delete`, `admit` or `discard`.
    fileprivate static func choice(_ words: [String]) throws -> JSON.Object {
        switch (words[0], words.count) {
        case ("take", 2): return JSON.Object([("take", .string(words[1]))])
        case ("set", 2...):
            var values = JSON.Object()
            for word in words.dropFirst() {
                guard let sign = word.firstIndex(of: "=") else {
                    throw NotUnderstood(why: "write `set COLUMN=VALUE`, not \(word)")
                }
                values[String(word[..<sign])] = try literal(String(word[word.index(after: sign)...]))
            }
            return JSON.Object([("set", .object(values))])
        case ("restore", 1), ("delete", 1), ("admit", 1), ("discard", 1): return JSON.Object([(words[0], true)])
        default: throw NotUnderstood(why: "no such choice: \(words.joined(separator: " "))")
        }
    }
}
