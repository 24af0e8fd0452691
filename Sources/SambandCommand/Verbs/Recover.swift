import HTTP
import JSONText
import Presentation

/// Milliseconds that taking in what was handed in may take.
private let acceptTimeoutMs = 3_600_000

extension Option {
    fileprivate static let confirmedSite = Option(
        "site", "NAME", "confirm that who shows a secret that the hub does not know is this site")
    fileprivate static let fingerprint = Option(
        "fingerprint", "F", "the secret's fingerprint, as the site's node shows it: samband status")
}

extension Verb {
    static let recoverStatus = Verb(
        "recover status", "show what a restored hub has got back, and what it waits for",
        details: [
            "A hub whose file was put back gathers what its sites know before it gives anything out. A site that says",
            "complete has handed in all it knows; of another only what others had from it can be known.",
        ],
        options: place(.json), examples: ["samband recover status --db hub.db"],
        task: { _ in "show the recovery" },
        run: { invocation, context in
            let json = try await context.asking(invocation) { try await $0.get(["recovery"]) }
            return try showRecovery(json, invocation, context)
        })

    static let recoverAccept = Verb(
        "recover accept", "go on without the sites that were not heard",
        details: [
            "What has been handed in is taken. What the others have comes in when they make contact: nothing is lost,",
            "but until then it is not there, and what it meets becomes a conflict.",
            "With --site: lets one site in again whose secret the restored hub does not know. Compare the fingerprint",
            "with what the site's own node shows: whoever is confirmed acts as that site.",
        ],
        options: place(.confirmedSite, .fingerprint, .yes, .json),
        examples: [
            "samband recover accept --db hub.db --yes",
            "samband recover accept --site snasa --fingerprint 5f0c2a9b1d3e4f60 --db hub.db",
        ],
        task: { $0.value(.confirmedSite).map { "confirm the site \($0)" } ?? "accept the recovery" },
        run: { invocation, context in
            if let site = invocation.value(.confirmedSite) { return try await confirm(site, invocation, context) }
            let before = try await context.asking(invocation) { try await $0.get(["recovery"]) }
            if !invocation.flag(.yes) {
                guard context.console.canAsk else {
                    throw CommandError.words(
                        "going on without sites is not done unasked",
                        hint: "See: samband recover status. Then add --yes.")
                }
                _ = try showRecovery(before, invocation, context)
                guard try context.console.ask("Go on without the sites that are not complete? [y/N] ") == "y" else {
                    return .no
                }
            }
            let json = try await context.asking(invocation, answerTimeoutMs: acceptTimeoutMs) {
                try await $0.post(["recovery", "accept"], [:])
            }
            return try showRecovery(json, invocation, context)
        })

    static let recoverBegin = Verb(
        "recover begin", "say that the hub's file was put back some time ago",
        details: [
            "Only for a hub that was restored and did not notice: a site then says that its position is not of this",
            "hub's order. The next start compares all that the sites know with all that is here.",
        ],
        options: place(.json), examples: ["samband recover begin --db hub.db"],
        task: { _ in "begin a recovery" },
        run: { invocation, context in
            let json = try await context.asking(invocation) { try await $0.post(["recovery", "begin"], [:]) }
            try context.console.note("samband: the next start of the hub begins the recovery")
            return try showRecovery(json, invocation, context)
        })
}

/// Lets a site in again, once somebody has compared the fingerprint.
private func confirm(_ site: String, _ invocation: Invocation, _ context: Context) async throws -> ExitCode {
    let json = try await context.asking(invocation) { try await $0.get(["recovery"]) }
    var fingerprint = invocation.value(.fingerprint)
    if fingerprint == nil, !invocation.flag(.yes) {
        let shown = (json["confirm"]?["sites"]?.array ?? []).filter { $0["name"]?.string == site }
        guard context.console.canAsk, shown.count == 1, let only = shown[0]["fingerprint"]?.string else {
            throw CommandError.words(
                "a site is not confirmed unseen",
                hint: "Add --fingerprint F, as the site's node shows it. See: samband recover status.")
        }
        guard try context.console.confirm("Does the node of \(site) show the fingerprint \(Visible.text(only))?") else {
            return .no
        }
        fingerprint = only
    }
    let body = Message<RecoveryAcceptance> { ($0.site, $0.fingerprint) = (site, fingerprint) }
    let after = try await context.asking(invocation) { try await $0.post(["recovery", "accept"], body) }
    return try showRecovery(after, invocation, context)
}

func showRecovery(_ json: JSON, _ invocation: Invocation, _ context: Context) throws -> ExitCode {
    if invocation.flag(.json) {
        try context.console.print(json)
        return .done
    }
    let answer = try Answer(json, "the recovery")
    let style = context.console.style
    let state = try answer.text("state")
    guard state != "never_restored" else {
        try context.console.print("this hub was never restored\n")
        return .done
    }
    var text =
        state == "gathering"
        ? "restored at position \(answer.shownNumber("restored_position")); gathers what its sites know, gives nothing out\n"
        : "restored at position \(answer.shownNumber("restored_position")), epoch \(answer.shownNumber("epoch")); in service\n"
    let sets = try answer.object("change_sets")
    text += "change sets handed in: \(sets.shownNumber("taken")) taken, \(sets.shownNumber("waiting")) wait\n\n"
    var table = TextTable(["SITE", "REPLICA", "COMPLETE", "KNOWN UP TO", "IN PART"].map { TextTable.Column($0) })
    for site in try answer.list("sites") {
        table.add([
            Visible.text(try site.text("name")), site.shownNumber("replica"),
            site["complete"].bool == true ? "yes" : "no, not heard", site.shownNumber("known_up_to"),
            site.shownNumber("partial"),
        ])
    }
    text += table.text(style)
    text += try whatIsMissing(answer)
    for refused in try answer.list("refused") {
        text += "\nnot taken: \(Visible.text(try refused.text("change"))): \(Visible.text(try refused.text("why")))\n"
    }
    let operators = (answer["confirm"].object?["operators"]?.array ?? []).compactMap(\.string)
    if !operators.isEmpty {
        text +=
            "\nto confirm: these operators are in the backup, revoked since or not: "
            + operators.map { Visible.text($0) }.joined(separator: ", ") + "\n"
    }
    text +=
        "\nto confirm: sites that were paused or retired since the backup are active again, and secrets that were changed "
        + "since are as before: samband site list\n"
    for site in answer["confirm"].object?["sites"]?.array ?? [] {
        let site = try Answer(site, "a site to confirm")
        text += "\nto confirm: \(Visible.text(try site.text("name"))) shows a secret that this hub does not know, "
        text += "fingerprint \(Visible.text(try site.text("fingerprint"))), as replica \(site.shownNumber("replica")): "
        text += "samband recover accept --site \(Visible.text(try site.text("name")))\n"
    }
    try context.console.print(text)
    return .done
}

/// What no handing in brings back, or cannot be known.
private func whatIsMissing(_ answer: Answer) throws -> String {
    var text = ""
    for site in try answer.list("sites") where site["state"].string == "behind" {
        let name = Visible.text(try site.text("name"))
        text += "\n\(name) has to join again, for nobody knows what lies between its file and this hub's order. "
        text += "What it has written is here. samband site add \(name), then at the site: samband node join\n"
    }
    let back = try answer.number("policies_back")
    if back > 0 { text += "\npolicies that were set since came back: \(back); see samband policy list\n" }
    let joins = try answer.number("joins_missing")
    if joins > 0 {
        text += "\n\(count(joins, "record was", "records were")) joined since: what that wrote came back, but not that "
        text += "the two are one. Join again where it is still so: samband record merge\n"
    }
    text += "\nnot to be known from the sites: operators and tokens given out or revoked since, sites added that have "
    text += "not joined, policies and joins that no site had got yet\n"
    return text
}
