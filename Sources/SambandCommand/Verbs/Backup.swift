import HTTP
import JSONText
import Presentation

extension Option {
    fileprivate static let to = Option("to", "FILE", "where it is written; no file may be there yet")
}

/// Milliseconds that one backup may take: a large database on a slow disk.
private let backupTimeoutMs = 24 * 3_600_000

extension Verb {
    static let backup = Verb(
        "backup", "write a verified backup of the hub",
        details: [
            "The hub goes on working meanwhile. The copy is checked after it was written: its pages and references,",
            "and every byte of the log by its digest. What goes wrong leaves no file. It holds all rows: keep it as",
            "safe as the hub's own file. A hub that is started on it knows that it was restored.",
        ],
        options: [.to, .database, .json],
        examples: ["samband backup --to /mnt/backup/hub-2026-11-22.db --db hub.db"],
        task: { "write a backup to \($0.value(.to) ?? "a file")" },
        run: { invocation, context in
            // The process that runs the hub has a folder of its own.
            let file = try DatabaseFile(wanted: try invocation.required(.to)).path
            let json = try await context.asking(invocation, answerTimeoutMs: backupTimeoutMs) {
                try await $0.post(["backup"], Message<BackupRequest> { $0.to = file })
            }
            if invocation.flag(.json) {
                try context.console.print(json)
                return .done
            }
            let answer = try Answer(json, "the backup")
            var table = TextTable([TextTable.Column(""), TextTable.Column("")])
            table.add(["verified", Visible.text(try answer.text("file"))])
            table.add(["size", count(try answer.number("bytes"), "byte", "bytes")])
            table.add(["position", answer.shownNumber("position")])
            table.add(["vector", shownVector(answer["vector"])])
            try context.console.print(table.text(context.console.style))
            return .done
        })
}
