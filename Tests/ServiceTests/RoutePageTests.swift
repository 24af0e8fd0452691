import Foundation
import HTTP
import Testing

@testable import Auditing
@testable import HubDatabase
@testable import HubService
@testable import NodeService
@testable import Presentation

@Suite("The page of routes")
struct RoutePageTests {
    /// The part of Protocol/Routes.md that the tables of routes write. The last column of each of its tables is words, which
    /// are written on the page and stay as they are.
    struct Page {
        static let begin = "<!-- Routes: made by RoutePageTests; SAMBAND_REWRITE=1 writes it anew. -->\n"
        static let end = "<!-- End of the routes. -->\n"
        static let noWords = "?"

        let whole: String
        private var words: [String: String] = [:]

        init(_ whole: String) throws {
            self.whole = whole
            let section = try #require(whole.split(separator: Page.begin).last?.split(separator: Page.end).first)
            var heading = ""
            for line in section.split(separator: "\n") {
                if line.hasPrefix("#") || line.hasPrefix("**") { heading = String(line) }
                let cells = line.split(separator: " | ", omittingEmptySubsequences: false)
                guard line.hasPrefix("| `"), cells.count > 1, let last = cells.last else { continue }
                words[heading + cells[0]] = String(last.dropLast(2))
            }
        }

        /// The page with its section made anew.
        var rewritten: String {
            let head = whole.prefix(upTo: whole.range(of: Page.begin)!.upperBound)
            return head + "\n" + section + "\n" + whole.suffix(from: whole.range(of: Page.end)!.lowerBound)
        }

        private var section: String {
            let hub = HubService.routes.sorted {
                ($0.route.pattern, $0.route.method.rawValue) < ($1.route.pattern, $1.route.method.rawValue)
            }
            var text = overview("### Of sites", hub.filter { !$0.access.isForOperators })
            text += overview("### Of operators", hub.filter { $0.access.isForOperators })
            text += table(
                "### Types of problems", ["type", "status", "what it means"],
                ProblemType.allCases.map { ["`\($0.rawValue)`", "\($0.status.code)"] })
            text += "### Members of bodies and queries\n\n"
            let own = NodeService.routes.filter { served in
                !hub.contains { $0.route == served.route } || served.route.pattern == "/v1/sync"
            }
            for served in hub { text += members(of: served) }
            for served in own { text += members(of: served) }
            return text
        }

        private func overview(_ heading: String, _ routes: [HubRoute]) -> String {
            table(
                heading,
                ["route", "from afar", "reads or writes", "body", "audit", "types of problems", "answers with"],
                routes.map { served in
                    [
                        "`\(served.route)`", served.access.onPage, served.effect == .reads ? "reads" : "writes",
                        served.asks.onPage, served.audit.map { "`\($0.rawValue)`" }.joined(separator: ", "),
                        served.problems.map { "`\($0.rawValue)`" }.joined(separator: ", "),
                    ]
                })
        }

        private func members<Service>(of served: ServedRoute<Service>) -> String {
            var text = ""
            switch served.asks {
            case .query(let members), .json(let members, _), .provenJSON(let members, _):
                text += self.members("**`\(served.route)` asks**", members)
            case .nothing, .frames: break
            }
            switch served.answers {
            case .json(let members), .provenJSON(let members):
                text += self.members("**`\(served.route)` answers**", members)
            case .described: break
            }
            return text
        }

        private func members(_ heading: String, _ members: [MemberDescription]) -> String {
            if members.isEmpty { return heading + " with an empty object.\n\n" }
            return table(heading, ["member", "form", "needed", "what it is"], rows(members, ""))
        }

        private func rows(_ members: [MemberDescription], _ path: String) -> [[String]] {
            members.flatMap { member in
                [["`\(path)\(member.name)`", member.form, member.need.rawValue]]
                    + rows(member.inner, "\(path)\(member.name)\(member.form.hasPrefix("array") ? "[]" : "").")
            }
        }

        private func table(_ heading: String, _ columns: [String], _ rows: [[String]]) -> String {
            var text = "\(heading)\n\n| \(columns.joined(separator: " | ")) |\n"
            text += "|\(String(repeating: "---|", count: columns.count))\n"
            for row in rows {
                let last = words["\(heading)| \(row[0])"] ?? Page.noWords
                text += "| \((row + [last]).joined(separator: " | ")) |\n"
            }
            return text + "\n"
        }
    }

    @Test("Protocol/Routes.md says of every route and member what the tables of routes say, and what it means")
    func page() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Protocol/Routes.md").standardized
        let page = try Page(String(contentsOf: file, encoding: .utf8))
        let rewritten = page.rewritten
        if ProcessInfo.processInfo.environment["SAMBAND_REWRITE"] != nil {
            try rewritten.write(to: file, atomically: true, encoding: .utf8)
        } else {
            #expect(page.whole == rewritten, "write it anew: SAMBAND_REWRITE=1 swift test --filter RoutePageTests")
        }
        let missing = rewritten.split(separator: "\n").filter { $0.hasSuffix("| \(Page.noWords) |") }
        #expect(missing.isEmpty, "say on the page what these are, in their last columns")
    }

    @Test("a node answers, or refuses with the way to the hub, all that operators ask of a hub but the recovery")
    func node() {
        let node = Set(NodeService.routes.map(\.route))
        for served in HubService.routes where served.access.isForOperators {
            #expect(node.contains(served.route) != served.route.pattern.hasPrefix("/v1/recovery"), "\(served.route)")
        }
    }

    @Test("every event of the audit that a request can cause stands at a route")
    func audit() {
        let byThemselves: Set<AuditEvent> = [
            .hubCreated, .hubRestored, .hubBuilt, .credentialAlarm, .trimmed,
        ]
        #expect(Set(HubService.routes.flatMap(\.audit)).union(byThemselves) == Set(AuditEvent.allCases))
    }
}

extension Access {
    fileprivate var onPage: String {
        switch self {
        case .anyone: "anyone"
        case .site: "site"
        case .siteOrRetired: "site, also retired"
        case .operators(let roles): Role.allCases.filter(roles.contains).map(\.rawValue).joined(separator: ", ")
        case .ownMachine: "nobody"
        }
    }
}

extension RequestForm {
    fileprivate var onPage: String {
        switch self {
        case .nothing: ""
        case .query: "query"
        case .json(_, let limit): "JSON, \(size(limit))"
        case .provenJSON(_, let limit): "JSON with digest, \(size(limit))"
        case .frames: "frames"
        }
    }

    private func size(_ bytes: Int) -> String { bytes < 1 << 20 ? "\(bytes >> 10) KiB" : "\(bytes >> 20) MiB" }
}
