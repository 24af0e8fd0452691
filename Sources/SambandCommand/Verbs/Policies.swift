import HTTP
import JSONText
import Presentation

extension Option {
    fileprivate static let unit = Option(
        "unit", "row|column", "row: the columns of the table that say so ship and settle together")
    fileprivate static let by = Option(
        "by", "NAME", "who sets it, default the user of this shell; from afar whose token it is")
}

extension Verb {
    static let policyList = Verb(
        "policy list", "list how conflicts settle by themselves",
        details: ["What is not listed is manual: the newest shows, and the conflict stays open for a person."],
        options: place(.json), task: { _ in "list the policies" },
        run: { invocation, context in
            let json = try await context.asking(invocation) { try await $0.get(["policy"]) }
            if invocation.flag(.json) {
                try context.console.print(json)
                return .done
            }
            let policies = try Answer.list(json, "the policies")
            try context.console.print(
                policies.isEmpty
                    ? "no policies: every conflict waits for a person\n" : try policyTable(policies, context.console))
            return .done
        })

    static let policySet = Verb(
        "policy set", "set how conflicts of a table or column settle",
        details: [
            "POLICY: manual (a person decides), newest, hub (what stands there stays), owner (the site that the row",
            "belongs to), max, min, sum (what each site added is added up); default takes it back.",
            "Set on a table it holds for every column without a policy of its own. One that does not fit is refused.",
            "It holds at the hub at once, and at the sites with their next pull.",
        ],
        arguments: [
            Argument("TABLE[.COLUMN]", "a replicated table, or one of its columns"),
            Argument("POLICY", "one of the above"),
        ],
        options: [.unit, .by] + place(.json),
        examples: [
            "samband policy set referral.note newest --db hub.db",
            "samband policy set stock.pieces sum --db hub.db",
            "samband policy set patient.street manual --unit row --db hub.db",
        ],
        task: { "set the policy of \($0.argument("TABLE[.COLUMN]"))" },
        run: { invocation, context in
            let target = invocation.argument("TABLE[.COLUMN]")
            let parts = target.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.allSatisfy({ !$0.isEmpty }) else {
                throw CommandError.words("\(target) names no table", hint: "Write TABLE or TABLE.COLUMN.")
            }
            let policy = invocation.argument("POLICY")
            let request = Message<PolicyRequest> {
                $0.table = String(parts[0])
                $0.column = parts.count == 2 ? String(parts[1]) : nil
                $0.policy = policy == "default" ? .null : .string(policy)
                $0.unit = invocation.value(.unit).map { .string($0) }
                $0.by = invocation.value(.by) ?? context.console.person
            }
            let json = try await context.asking(invocation) { try await $0.post(["policy"], request) }
            if invocation.flag(.json) {
                try context.console.print(json)
                return .done
            }
            let policies = try Answer.list(json, "the policies")
            try context.console.print(
                policies.isEmpty
                    ? "every conflict of \(String(parts[0])) waits for a person\n"
                    : try policyTable(policies, context.console))
            return .done
        })
}

private func policyTable(_ policies: [Answer], _ console: Console) throws(CommandError) -> String {
    var table = TextTable([
        TextTable.Column("TABLE"), TextTable.Column("COLUMN"), TextTable.Column("POLICY"), TextTable.Column("UNIT"),
        TextTable.Column("SET BY"), TextTable.Column("SET"),
    ])
    for policy in policies {
        table.add([
            Visible.text(try policy.text("table")), policy["column"].string.map { Visible.text($0) } ?? "(the others)",
            policy["policy"].string ?? "–", try policy.text("unit"),
            policy["set_by"].string.map { Visible.text($0) } ?? "a migration", console.time(policy["set_at"].string),
        ])
    }
    return table.text(console.style)
}
