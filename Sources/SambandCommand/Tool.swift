import Glibc
import TableModel

/// The tool: words in, results and an exit code out.
package struct Tool: Sendable {
    private let console: Console
    private let services: any Services
    private let secure: SecureReach
    private let catalogue = Catalogue.standard

    package init(console: Console, services: any Services, secure: SecureReach) {
        self.console = console
        self.services = services
        self.secure = secure
    }

    /// Runs one command line, the words behind the tool's name.
    package func run(_ words: [String]) async -> ExitCode {
        var task: String?
        do {
            switch try ArgumentParser(catalogue: catalogue, environment: console.environment).parse(words) {
            case .help(let words): return try help(words)
            case .version:
                try console.print("samband \(Release.version)\n")
                return .done
            case .run(let invocation):
                task = describe(invocation)
                let context = Context(console: console, services: services, secure: secure)
                try context.checkHub(invocation)
                return try await invocation.verb.run(invocation, context)
            }
        } catch {
            return report(CommandError(thrown: error), task)
        }
    }

    private func help(_ words: [String]) throws(CommandError) -> ExitCode {
        guard let text = HelpText(catalogue: catalogue).text(words) else {
            let near = nearest(words.joined(separator: " "), catalogue.verbs.map(\.name))
            throw .words(
                "there is no verb \(words.joined(separator: " "))",
                hint: near.map { "Did you mean: samband help \($0)" } ?? "See: samband help")
        }
        try console.print(text)
        return .done
    }

    /// `list the conflicts (hub.db)`.
    private func describe(_ invocation: Invocation) -> String {
        let place = invocation.value(.database) ?? invocation.value(.hub)
        return invocation.verb.task(invocation) + (place.map { " (\($0))" } ?? "")
    }

    private func report(_ error: CommandError, _ task: String?) -> ExitCode {
        // With nowhere to say it, the exit code still does.
        try? console.write(.notes, Array(error.text(task: task).utf8))
        return error.code
    }
}
