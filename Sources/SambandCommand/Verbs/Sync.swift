import HTTP

/// Milliseconds that one exchange may take before its answer begins: months of changes over a thin line.
private let syncTimeoutMs = 24 * 3_600_000

extension Verb {
    static let sync = Verb(
        "sync", "push and pull once, then exit",
        details: ["Off line it ends with 69 and keeps everything."],
        options: [.database, .json],
        examples: ["samband sync --db snasa.db"],
        task: { _ in "exchange with the hub" },
        run: { invocation, context in
            let json = try await context.asking(invocation, answerTimeoutMs: syncTimeoutMs) {
                try await $0.post(["sync"])
            }
            if invocation.flag(.json) {
                try context.console.print(json)
                return .done
            }
            let answer = try Answer(json, "the exchange")
            let pushed = count(try answer.number("pushed"), "change set", "change sets")
            let pulled = count(try answer.number("pulled"), "change set", "change sets")
            try context.console.print("pushed \(pushed), pulled \(pulled)\n")
            return .done
        })
}
