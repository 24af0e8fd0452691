/// Every verb, in the order in which help shows them.
struct Catalogue: Sendable {
    struct Group: Sendable {
        let title: String
        let verbs: [Verb]
    }

    /// A verb that the contract names and this version does not have.
    struct Later: Sendable {
        let words: [String]
        /// Behind "It will": "set a site aside for a while".
        let summary: String

        init(_ words: String, _ summary: String) {
            self.words = words.split(separator: " ").map(String.init)
            self.summary = summary
        }

        var name: String { words.joined(separator: " ") }
    }

    let groups: [Group]
    let later: [Later]

    static let standard = Catalogue(
        groups: [
            Group(
                title: "Hub",
                verbs: [
                    .hubInit, .hubServe, .siteAdd, .siteList, .sitePause, .siteResume, .siteRetire,
                    .siteQuarantine, .operatorAdd, .operatorList, .operatorRevoke,
                    .policyList, .policySet, .backup, .recoverStatus, .recoverAccept, .recoverBegin,
                    .auditList, .auditVerify, .auditExport, .auditKeep,
                ]),
            Group(title: "Node", verbs: [.nodeJoin, .nodeServe, .nodeRotate, .sync]),
            Group(
                title: "Both",
                verbs: [
                    .status, .conflictList, .conflictShow, .conflictResolve, .conflictUndo, .conflictReport,
                    .withheldList, .withheldShow, .recordList, .recordMerge, .recordUnmerge, .log, .history,
                    .explain,
                    .version, .help,
                ]),
        ],
        later: [
            Later("site merge", "hand one site's rows and scopes to another"),
            Later("site expire", "give up waiting for a site that holds the frontier back"),
            Later("grant add", "let a site hold the rows of a scope"),
            Later("grant remove", "take a scope away from a site"),
            Later("grant list", "list which site holds which scope"),
            Later("grant preview", "show what a grant would send"),
            Later("schema plan", "show what a migration would do"),
            Later("schema apply", "take a migration to every site"),
            Later("schema status", "show which site has which schema"),
            Later("frontier", "show which site holds the log back, and what that costs"),
            Later("node leave", "make a site's database a plain one again"),
            Later("verify", "compare the content with the hub's"),
            Later("export", "write changes to a file for a USB stick"),
            Later("import", "take changes from such a file"),
            Later("doctor", "look for what is wrong and say what to do"),
            Later("inspect", "show what is in a file of changes"),
            Later("compact", "give free space back to the disk"),
        ])

    var verbs: [Verb] { groups.flatMap(\.verbs) }

    func verb(_ words: [String]) -> Verb? { verbs.first { $0.words == words } }

    func later(_ words: [String]) -> Later? { later.first { $0.words == words } }

    /// True for the first words of verbs that have more: `conflict`.
    func isGroup(_ words: [String]) -> Bool { !nextWords(words).isEmpty }

    /// What can follow these words, verbs of this version first.
    func nextWords(_ words: [String]) -> [String] {
        var next: [String] = []
        for candidate in verbs.map(\.words) + later.map(\.words)
        where candidate.count > words.count && Array(candidate.prefix(words.count)) == words {
            if !next.contains(candidate[words.count]) { next.append(candidate[words.count]) }
        }
        return next
    }
}
