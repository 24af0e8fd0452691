import JSONText

/// What `hub init --from-nodes` says of what it has built.
func showBuilt(_ json: JSON, _ database: DatabaseFile, _ invocation: Invocation, _ context: Context) throws -> ExitCode
{
    if invocation.flag(.json) {
        try context.console.print(json)
        return .done
    }
    let answer = try Answer(json, "the new hub")
    let style = context.console.style
    var text = "\(database.name) is the hub of \(Visible.text(try answer.text("fleet"))), replica "
    text += "\(answer.shownNumber("replica")), built from the files of nodes\n\n"
    var table = TextTable(
        ["SITE", "REPLICA", "POSITION", "IN FLIGHT", "NOT SEALED", "FILE"].map { TextTable.Column($0) })
    var unsealed: [String] = []
    for file in try answer.list("files") {
        table.add([
            Visible.text(try file.text("site")), file.shownNumber("replica"), file.shownNumber("position"),
            file.shownNumber("in_flight"), file.shownNumber("unsealed"),
            Visible.text(try file.text("file")) + (file["base"].bool == true ? " (base)" : ""),
        ])
        if try file.number("unsealed") > 0 { unsealed.append(Visible.text(try file.text("site"))) }
    }
    text += table.text(style)
    if !unsealed.isEmpty {
        text += "\nnot in the new hub yet: what was written and not sealed at \(unsealed.joined(separator: ", "));"
        text += " the node there sends it when it runs\n"
    }
    let leftOut = (answer["left_out"].array ?? []).compactMap(\.string)
    if !leftOut.isEmpty {
        text += "\nleft out, for they are not replicated and were one site's own: "
        text += leftOut.map { Visible.text($0) }.joined(separator: ", ") + "\n"
    }
    try context.console.print(text + "\n")
    _ = try showRecovery(answer["recovery"], invocation, context)
    try context.console.note(
        "samband: next: samband hub serve --db \(Visible.text(database.name)); each site then shows itself, and is "
            + "confirmed: samband recover status, samband recover accept --site NAME. Operators are added anew.")
    return .done
}
