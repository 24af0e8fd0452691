import HTTP
import JSONText

extension Verb {
    static let nodeRotate = Verb(
        "node rotate", "change a node's secrets while it goes on working",
        details: [
            "The node makes new ones and the hub learns them; the former open nothing from their first use on. What is",
            "lost or interrupted on the way harms nothing: the node ends it by itself, or do it again.",
        ],
        options: [.database, .json], examples: ["samband node rotate --db snasa.db"],
        task: { _ in "change the node's secrets" },
        run: { invocation, context in
            let json = try await context.asking(invocation) { try await $0.post(["secret", "rotate"]) }
            if invocation.flag(.json) {
                try context.console.print(json)
            } else {
                let site = try Answer(json, "the change of secrets").text("site")
                try context.console.print(
                    Visible.text("\(site) has new secrets; the former open nothing any more") + "\n")
            }
            return .done
        })
}
