/// A history as text: a sentence that says what it shows, the tables, the sites, and then one act a line, each with what it
/// answers, if anything, between `----` and an empty line. README.md of this folder has the grammar.
struct TraceFile {
    /// Lines of a file, in order; put together again they are the file.
    enum Part {
        /// Remarks and empty lines.
        case text([String])
        case act(Act)
    }

    struct Act {
        /// From 1.
        let line: Int
        let source: [String]
        let verb: Verb
        /// What the file says that it answers.
        var answer: [String]
    }

    struct Fault: Error, CustomStringConvertible {
        let name: String
        let line: Int
        let why: String
        var description: String { "\(name):\(line): \(why)" }
    }

    let name: String
    let schema: String
    let sites: [String]
    private(set) var parts: [Part]

    /// The orders in which change sets may reach the hub; one where the trace has no such line.
    var orders: [[String]] {
        for case .act(let act) in parts {
            if case .inEachOrder(let sites, _) = act.verb { return Self.permutations(sites) }
        }
        return [[]]
    }

    init(name: String, _ text: String) throws {
        var reader = TraceReader(name: name, text)
        try reader.readHead()
        self.name = name
        schema = reader.schema
        sites = reader.sites
        parts = try reader.readActs()
        guard orders.count > 1 || !parts.contains(where: \.isInEachOrder) else {
            throw Fault(name: name, line: 1, why: "an order is of two sites or more")
        }
        guard parts.count(where: \.isInEachOrder) < 2 else {
            throw Fault(name: name, line: 1, why: "`in each order` may stand once in a trace")
        }
    }

    private static func permutations(_ sites: [String]) -> [[String]] {
        if sites.count < 2 { return [sites] }
        return sites.indices.flatMap { first in
            var rest = sites
            let site = rest.remove(at: first)
            return permutations(rest).map { [site] + $0 }
        }
    }

    /// The file with other answers, act by act.
    func text(answers: [[String]]) -> String {
        var lines: [String] = []
        var next = answers.makeIterator()
        var isBehindAnswer = false
        for part in parts {
            switch part {
            case .text(let text):
                lines += isBehindAnswer && text.first == "" ? Array(text.dropFirst()) : text
                isBehindAnswer = false
            case .act(let act):
                lines += act.source
                let answer = next.next() ?? []
                isBehindAnswer = !answer.isEmpty
                if isBehindAnswer { lines += ["----"] + answer + [""] }
            }
        }
        while lines.last == "" { lines.removeLast() }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension TraceFile.Part {
    fileprivate var isInEachOrder: Bool {
        if case .act(let act) = self, case .inEachOrder = act.verb { return true }
        return false
    }
}

/// Reads a trace line by line, and says of what it does not understand where it stands.
struct TraceReader {
    private let name: String
    private let lines: [String]
    private var next = 0
    private var head: [String] = []
    private(set) var schema = ""
    private(set) var sites: [String] = []

    init(name: String, _ text: String) {
        self.name = name
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        self.lines = lines
    }

    private func fault(_ line: Int, _ why: String) -> TraceFile.Fault {
        TraceFile.Fault(name: name, line: line + 1, why: why)
    }

    /// The sentence, the schema and the sites.
    mutating func readHead() throws {
        guard lines.first?.hasPrefix("# ") == true else {
            throw fault(0, "a trace opens with a sentence that says what it shows, behind #")
        }
        while next < lines.count {
            let line = lines[next]
            let words = line.split(separator: " ").map(String.init)
            if words.isEmpty || line.hasPrefix("#") {
                next += 1
            } else if line == "schema" {
                next += 1
                schema = indented()
            } else if words[0] == "sites" {
                sites = Array(words.dropFirst())
                next += 1
            } else {
                break
            }
        }
        head = Array(lines[..<next])
        if schema.isEmpty { throw fault(next, "there is no schema yet") }
        if sites.isEmpty { throw fault(next, "there are no sites yet") }
    }

    /// The lines that begin with a blank, as one text.
    private mutating func indented() -> String {
        var text: [String] = []
        while next < lines.count, lines[next].hasPrefix("  ") {
            text.append(String(lines[next].dropFirst(2)))
            next += 1
        }
        return text.joined(separator: "\n")
    }

    mutating func readActs() throws -> [TraceFile.Part] {
        var parts: [TraceFile.Part] = [.text(head)]
        var joined = sites
        while next < lines.count {
            let line = lines[next]
            if line.isEmpty || line.hasPrefix("#") {
                parts.append(.text([line]))
                next += 1
                continue
            }
            let start = next
            if line.hasPrefix(" ") {
                throw fault(start, "it belongs to nothing: only a schema and SQL go on like this")
            }
            next += 1
            let rest = indented()
            let verb: TraceFile.Verb
            do {
                verb = try TraceFile.Verb(line, rest, sites: joined)
            } catch let error as TraceFile.NotUnderstood {
                throw fault(start, error.why)
            }
            if case .join(let site) = verb { joined.append(site) }
            let source = Array(lines[start..<next])
            parts.append(.act(TraceFile.Act(line: start + 1, source: source, verb: verb, answer: answer())))
        }
        return parts
    }

    /// What stands behind `----`, up to the next empty line.
    private mutating func answer() -> [String] {
        guard next < lines.count, lines[next] == "----" else { return [] }
        next += 1
        var answer: [String] = []
        while next < lines.count, !lines[next].isEmpty {
            answer.append(lines[next])
            next += 1
        }
        if next < lines.count { next += 1 }
        return answer
    }
}
