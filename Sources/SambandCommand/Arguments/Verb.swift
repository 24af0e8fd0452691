/// One thing the tool does, as data: what its words are, what it takes, what help says about it, and what runs it.
struct Verb: Sendable {
    typealias Action = @Sendable (Invocation, Context) async throws -> ExitCode

    /// `["conflict", "list"]`.
    let words: [String]
    /// One line, without a full stop.
    let summary: String
    /// Further sentences of the help, one line each.
    let details: [String]
    let arguments: [Argument]
    let options: [Option]
    /// Whole command lines that work.
    let examples: [String]
    /// What is being done and to what, behind "cannot": "list the conflicts".
    let task: @Sendable (Invocation) -> String
    let run: Action

    init(
        _ words: String, _ summary: String, details: [String] = [], arguments: [Argument] = [],
        options: [Option],
        examples: [String] = [], task: @escaping @Sendable (Invocation) -> String, run: @escaping Action
    ) {
        self.words = words.split(separator: " ").map(String.init)
        self.summary = summary
        self.details = details
        self.arguments = arguments
        self.options = options
        self.examples = examples
        self.task = task
        self.run = run
    }

    var name: String { words.joined(separator: " ") }

    func option(_ name: String) -> Option? { options.first { $0.name == name } }
}

/// A word that a verb takes by its place.
struct Argument: Equatable, Sendable {
    let name: String
    let about: String
    let isOptional: Bool

    init(_ name: String, _ about: String, isOptional: Bool = false) {
        self.name = name
        self.about = about
        self.isOptional = isOptional
    }
}

/// `--name`, or `--name VALUE`.
struct Option: Equatable, Sendable {
    let name: String
    /// What help calls the value; nil for a flag.
    let value: String?
    let about: String
    let isRepeatable: Bool
    /// The variable that is read when the option is not given.
    let variable: String?
    /// Known, but not in this version: refused, with `about` saying what is missing.
    let isLater: Bool

    init(
        _ name: String, _ value: String? = nil, _ about: String, isRepeatable: Bool = false,
        variable: String? = nil,
        isLater: Bool = false
    ) {
        self.name = name
        self.value = value
        self.about = about
        self.isRepeatable = isRepeatable
        self.variable = variable
        self.isLater = isLater
    }

    // MARK: Options that many verbs share

    static let database = Option("db", "FILE", "the database (or SAMBAND_DB)", variable: "SAMBAND_DB")
    static let hub = Option("hub", "URL", "the hub, from afar (or SAMBAND_HUB)", variable: "SAMBAND_HUB")
    static let tokenFile = Option(
        "token-file", "F|-", "file with the token for --hub, - for standard input (or SAMBAND_TOKEN_FILE)",
        variable: "SAMBAND_TOKEN_FILE")
    static let insecureHTTP = Option(
        "insecure-http", nil, "allow http:// to another machine, for everybody on the way to read")
    static let json = Option("json", nil, "JSON on standard output")
    static let dryRun = Option("dry-run", nil, "say what would be done, and do nothing")

    /// What every verb takes that asks a running process, a file or a hub.
    static let place: [Option] = [database, hub, tokenFile, insecureHTTP]
}

/// A verb with what was said on the command line and in the environment.
struct Invocation: Sendable {
    let verb: Verb
    private let arguments: [String: String]
    private let values: [String: [String]]

    init(_ verb: Verb, arguments: [String: String] = [:], values: [String: [String]] = [:]) {
        self.verb = verb
        self.arguments = arguments
        self.values = values
    }

    /// An argument that may be left out; nil when it was.
    func optionalArgument(_ name: String) -> String? { arguments[name] }

    /// An argument that the parser has seen to be there.
    func argument(_ name: String) -> String {
        guard let value = arguments[name] else { preconditionFailure("\(verb.name) takes no \(name)") }
        return value
    }

    func flag(_ option: Option) -> Bool { values[option.name] != nil }
    func value(_ option: Option) -> String? { values[option.name]?.first }
    func values(_ option: Option) -> [String] { values[option.name] ?? [] }

    /// The value of an option that the verb cannot do without.
    func required(_ option: Option) throws(CommandError) -> String {
        if let value = value(option) { return value }
        let variable = option.variable.map { ", or set \($0)" } ?? ""
        throw .words(
            "\(verb.name) needs --\(option.name)",
            hint: "Add --\(option.name) \(option.value ?? "")\(variable). See: samband help \(verb.name)")
    }

    /// A whole number within a range, or a default.
    func number(_ option: Option, in range: ClosedRange<Int>, else standard: Int) throws(CommandError) -> Int {
        guard let text = value(option) else { return standard }
        guard let number = Int(text), range.contains(number) else {
            throw .words(
                "--\(option.name) \(text) is no whole number from \(range.lowerBound) to \(range.upperBound)",
                hint: "Give one, for instance --\(option.name) \(standard).")
        }
        return number
    }
}
