import HTTP

extension Verb {
    static let withheldList = Verb(
        "withheld list", "list rows that were received and wait for a decision",
        options: place(.json), task: { _ in "list what is withheld" },
        run: { invocation, context in
            let json = try await context.asking(invocation) { try await $0.get(["withheld"]) }
            if invocation.flag(.json) {
                try context.console.print(json)
                return .done
            }
            var table = TextTable([
                TextTable.Column("ID", .right), TextTable.Column("CONFLICT", .right),
                TextTable.Column("TABLE"),
                TextTable.Column("KEY", widest: 40), TextTable.Column("SITE"), TextTable.Column("CHANGE"),
                TextTable.Column("OPERATION"),
            ])
            let rows = try Answer.list(json, "what is withheld")
            for row in rows {
                table.add([
                    row.shownNumber("id"), row.shownNumber("conflict"), try row.text("table"),
                    ShownValue.columns(row["key"]), try row.text("site"), try row.text("change"),
                    try row.text("operation"),
                ])
            }
            try context.console.print(
                rows.isEmpty ? "nothing is withheld\n" : table.text(context.console.style))
            return .done
        })

    static let withheldShow = Verb(
        "withheld show", "show one withheld row with all its values",
        arguments: [Argument("ID", "the number in: samband withheld list")],
        options: place(.json), task: { "show the withheld row \($0.argument("ID"))" },
        run: { invocation, context in
            let id = invocation.argument("ID")
            let json = try await context.asking(invocation) { try await $0.get(["withheld"]) }
            guard let found = json.array?.first(where: { $0["id"]?.integer.map(String.init) == id }) else {
                throw CommandError(.no, "there is no withheld row \(id)", hint: "See: samband withheld list")
            }
            if invocation.flag(.json) {
                try context.console.print(found)
                return .done
            }
            let row = try Answer(found, "a withheld row")
            var text = "withheld row \(id): \(try row.text("operation")) in \(try row.text("table"))"
            text += " by \(try row.text("site")), change \(try row.text("change"))"
            if let conflict = row["conflict"].integer { text += ", of conflict \(conflict)" }
            var table = TextTable([TextTable.Column(""), TextTable.Column("")])
            for member in row["values"].object?.members ?? [] {
                table.add([member.name, ShownValue.text(member.value)])
            }
            try context.console.print(Visible.text(text) + "\n\n" + table.text(context.console.style))
            return .done
        })
}
