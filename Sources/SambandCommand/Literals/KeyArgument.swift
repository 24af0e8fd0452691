/// Where a row's key is given: on the command line, or in a file that leaves it out of the shell's history.
struct KeyArgument {
    static let file = Option("key-file", "F|-", "file with KEY, - for standard input")
    static let help = [
        "KEY is one SQL literal or a row of them: 'S-12', x'0a', 12, (3,'a'). In a shell, put it in double quotes.",
        "With --key-file the key does not show in the shell's history.",
    ]
    static let table = Argument("TABLE", "the table")
    static let key = Argument("KEY", "the row's primary key, or --key-file", isOptional: true)

    /// The key of the row that a verb is about.
    static func read(_ invocation: Invocation, _ console: Console) throws(CommandError) -> [Literal] {
        switch (invocation.optionalArgument("KEY"), invocation.value(file)) {
        case (let key?, nil): return try literal(key)
        case (nil, let path?): return try literal(try FileText.line(path, console))
        case (nil, nil):
            throw .words(
                "\(invocation.verb.name) needs KEY, the row's primary key",
                hint: "See: samband help \(invocation.verb.name)")
        case (_?, _?):
            throw .words("the key is given as a word and as a file", hint: "Leave out KEY or --key-file.")
        }
    }

    /// A key as it is written. It may be a national id: an error does not repeat it.
    static func literal(_ text: String) throws(CommandError) -> [Literal] {
        do {
            return try Literal.key(text)
        } catch {
            throw .words("the key cannot be read: \(error.why)", hint: error.hint)
        }
    }
}
