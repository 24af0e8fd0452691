import FleetKit
import Foundation
import Testing

/// Histories as text, each with what everybody ends with; see README.md of this folder.
@Suite("Traces")
struct TraceTests {
    @Test("what a trace says is what happens", arguments: TracePath.all())
    func trace(path: TracePath) async throws {
        let text = try String(contentsOfFile: path.path, encoding: .utf8)
        let trace = try TraceFile(name: path.name, text)
        let template = try await FleetTemplate(schema: trace.schema, sites: trace.sites, seed: 1)
        defer { template.remove() }
        var runs: [(order: [String], answers: [[String]])] = []
        for order in trace.orders {
            let runner = try TraceRunner(trace, order: order, template: template)
            runs.append((order, try await runner.run()))
            let faults = try await runner.faultsAtEnd()
            #expect(faults.isEmpty, "\(path.name), at the end\(order.isEmpty ? "" : " of \(order)")")
        }
        let answers = Self.together(runs)
        if TracePath.isRewriting {
            let new = trace.text(answers: answers)
            if new != text { try new.write(toFile: path.path, atomically: true, encoding: .utf8) }
            return
        }
        for (act, answer) in zip(trace.acts, answers) where act.answer != answer {
            Issue.record(
                """
                \(path.name):\(act.line): \(act.source[0])
                the trace says:
                \(act.answer.map { "  " + $0 }.joined(separator: "\n"))
                what happened:
                \(answer.map { "  " + $0 }.joined(separator: "\n"))
                """)
        }
    }

    /// The answers of all orders; those that are not the same in each are told apart.
    private static func together(_ runs: [(order: [String], answers: [[String]])]) -> [[String]] {
        runs[0].answers.indices.map { place in
            let answers = runs.map { $0.answers[place] }
            if Set(answers).count == 1 { return answers[0] }
            var groups: [(orders: [String], answer: [String])] = []
            for run in runs {
                let order = run.order.joined(separator: " ")
                if let same = groups.firstIndex(where: { $0.answer == run.answers[place] }) {
                    groups[same].orders.append(order)
                } else {
                    groups.append(([order], run.answers[place]))
                }
            }
            return groups.flatMap { group in
                ["in the order \(group.orders.joined(separator: ", or "))"] + group.answer.map { "  " + $0 }
            }
        }
    }

    @Test(
        "a trace that is not understood is refused with its line",
        arguments: [
            ("schema\n  x\n", "t:1: a trace opens with a sentence"),
            ("# A.\nsites snasa\nsettle\n", "t:3: there is no schema yet"),
            ("# A.\nschema\n  x\nsites snasa\nverran sync\n", "t:5: no such act: verran sync"),
            ("# A.\nschema\n  x\nsites snasa\nsettle\n  more\n", "t:5: only SQL of a site"),
            ("# A.\nschema\n  x\nsites snasa\n\n  more\n", "t:6: it belongs to nothing"),
            ("# A.\nschema\n  x\nsites snasa\nresolve 1 keep\n", "t:5: no such choice: keep"),
            ("# A.\nschema\n  x\nsites snasa\nexplain item k\n", "t:5: k is no value"),
            ("# A.\nschema\n  x\nsites snasa\nclock verran 5\n", "t:5: write `clock SITE MILLISECONDS`"),
            ("# A.\nschema\n  x\nsites snasa\nin each order snasa push\n", "t:1: an order is of two sites"),
        ])
    func refused(text: String, why: String) {
        #expect {
            _ = try TraceFile(name: "t", text)
        } throws: { error in
            "\(error)".hasPrefix(why)
        }
    }
}

extension TraceFile {
    var acts: [Act] { parts.compactMap { if case .act(let act) = $0 { act } else { nil } } }
}

/// A trace file.
struct TracePath: Sendable, CustomTestStringConvertible {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Histories"

    /// True when the answers are to be written anew instead of being compared.
    static let isRewriting = ProcessInfo.processInfo.environment["SAMBAND_REWRITE_TRACES"] == "1"

    /// Below the folder of all histories.
    let name: String
    var path: String { "\(Self.folder)/\(name)" }
    var testDescription: String { name }

    /// All of them, or those whose names have what SAMBAND_TRACE says.
    static func all() -> [TracePath] {
        let wanted = ProcessInfo.processInfo.environment["SAMBAND_TRACE"]
        let names = (FileManager.default.enumerator(atPath: folder)?.allObjects ?? []).compactMap { $0 as? String }
        return names.filter { $0.hasSuffix(".trace") && (wanted == nil || $0.contains(wanted!)) }.sorted()
            .map { TracePath(name: $0) }
    }
}
