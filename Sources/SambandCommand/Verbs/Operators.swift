import HTTP
import JSONText
import Presentation

extension Option {
    fileprivate static let role = Option(
        "role", "ROLE", "viewer, operator, admin or auditor, default operator")
    fileprivate static let by = Option(
        "by", "NAME", "who adds, default the user of this shell; from afar whose token it is")
}

extension Verb {
    static let operatorAdd = Verb(
        "operator add", "let a person work at the hub from afar, and print the token",
        details: [
            "The token is alone on standard output, and the hub keeps its digest only: hand it over in a file.",
            "viewer: how the fleet is. operator: conflicts, withheld rows, log and history as well.",
            "admin: everything. auditor: who decided for and against whom, and no row.",
            "NAME: letters a to z, digits, - and ., 32 at most. It is what decisions made with the token are signed with.",
        ],
        arguments: [Argument("NAME", "the name of the operator")],
        options: place(.role, .by, .json),
        examples: [
            "samband operator add kari --db hub.db > kari.token",
            "samband conflict list --hub http://127.0.0.1:7420 --token-file kari.token",
        ],
        task: { "add the operator \($0.argument("NAME"))" },
        run: { invocation, context in
            let name = invocation.argument("NAME")
            let request = Message<OperatorInvitation> {
                $0.name = name
                $0.role = invocation.value(.role)
                $0.by = invocation.value(.by) ?? context.console.person
            }
            let json = try await context.asking(invocation) { try await $0.post(["operator"], request) }
            let answer = try Answer(json, "the new operator")
            if invocation.flag(.json) {
                try context.console.print(json)
            } else {
                try context.console.print(Visible.text(try answer.text("token")) + "\n")
                try context.console.note(
                    "samband: \(name) may work from afar with this token, in the role \(try answer.text("role")):\n"
                        + "  samband status --hub URL --token-file F")
            }
            return .done
        })

    static let operatorList = Verb(
        "operator list", "list who may work at the hub from afar",
        options: place(.json), task: { _ in "list the operators" },
        run: { invocation, context in
            let json = try await context.asking(invocation) { try await $0.get(["operator"]) }
            if invocation.flag(.json) {
                try context.console.print(json)
                return .done
            }
            let operators = try Answer.list(json, "the operators")
            try context.console.print(
                operators.isEmpty
                    ? "no operators yet: samband operator add NAME\n"
                    : try operatorTable(operators, context.console))
            return .done
        })

    static let operatorRevoke = Verb(
        "operator revoke", "take an operator's token back, at once",
        arguments: [Argument("NAME", "the name in: samband operator list")],
        options: place(.json),
        examples: ["samband operator revoke kari --db hub.db"],
        task: { "revoke the token of \($0.argument("NAME"))" },
        run: { invocation, context in
            let name = invocation.argument("NAME")
            let json = try await context.asking(invocation) { try await $0.post(["operator", name, "revoke"]) }
            if invocation.flag(.json) {
                try context.console.print(json)
            } else {
                try context.console.print(Visible.text("the token of \(name) opens nothing any more") + "\n")
            }
            return .done
        })
}

private func operatorTable(_ operators: [Answer], _ console: Console) throws(CommandError) -> String {
    var table = TextTable([
        TextTable.Column("OPERATOR"), TextTable.Column("ROLE"), TextTable.Column("STATE"),
        TextTable.Column("ADDED"), TextTable.Column("BY"), TextTable.Column("LAST USED"),
    ])
    for person in operators {
        table.add([
            try person.text("name"), try person.text("role"), try person.text("state"),
            console.time(person["added"].string), person["added_by"].string ?? "–",
            console.time(person["last_used"].string),
        ])
    }
    return table.text(console.style)
}
