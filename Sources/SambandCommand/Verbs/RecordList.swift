import JSONText

extension Verb {
    static let recordList = Verb(
        "record list", "list the records that were merged, with the numbers that record unmerge takes",
        options: place(.json), examples: ["samband record list --db hub.db"],
        task: { _ in "list the merged records" },
        run: { invocation, context in
            let json = try await context.asking(invocation) { try await $0.get(["record"]) }
            if invocation.flag(.json) {
                try context.console.print(json)
                return .done
            }
            let rows = try Answer.list(json, "the merged records")
            try context.console.print(
                rows.isEmpty
                    ? "no records were merged\n"
                    : try mergedTable(rows, context.console).text(context.console.style))
            return .done
        })
}

private func mergedTable(_ rows: [Answer], _ console: Console) throws(CommandError) -> TextTable {
    var table = TextTable([
        TextTable.Column("ID", .right), TextTable.Column("TABLE"), TextTable.Column("KEY", widest: 40),
        TextTable.Column("INTO", widest: 40), TextTable.Column("MERGED"), TextTable.Column("BY"),
        TextTable.Column("REASON", widest: 40), TextTable.Column("TAKEN BACK"),
    ])
    for row in rows {
        let merged = try row.object("merged")
        table.add([
            row.shownNumber("id"), try row.text("table"), ShownValue.columns(row["key"]),
            ShownValue.columns(row["into"]), console.time(merged["at"].string), try merged.text("by"),
            merged["reason"].string ?? "",
            row["unmerged"].isNull ? "" : console.time(row["unmerged"]["at"]?.string),
        ])
    }
    return table
}
