/// The version of the tool and of what it speaks.
package enum Release {
    package static let version = "0.1.0"
}

extension Verb {
    static let version = Verb(
        "version", "print the version", options: [.json], task: { _ in "print the version" },
        run: { invocation, context in
            if invocation.flag(.json) {
                try context.console.print(["version": .string(Release.version)])
            } else {
                try context.console.print("samband \(Release.version)\n")
            }
            return .done
        })

    /// The parser turns it into help itself; it is here to be listed.
    static let help = Verb(
        "help", "explain a verb", arguments: [Argument("VERB", "the words of the verb", isOptional: true)],
        options: [], task: { _ in "print help" }, run: { _, _ in .done })
}
