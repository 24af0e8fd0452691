import HTTP
import JSONText
import Presentation

extension Option {
    fileprivate static let expires = Option(
        "expires", "TIME", "how long the token is good: 30m, 7d, default 24h")
    fileprivate static let scope = Option(
        "scope", "LABEL",
        "Scopes come with a later version: until then every site holds every replicated row.",
        isRepeatable: true, isLater: true)
}

extension Verb {
    static let siteAdd = Verb(
        "site add", "give a site a place in the fleet and print its join token",
        details: [
            "The one-time token is alone on standard output; hand it to the site in a file.",
            "NAME: letters a to z, digits and -, 32 at most.",
        ],
        arguments: [Argument("NAME", "the name of the site")],
        options: place(.expires, .scope, .json),
        examples: ["samband site add snasa --db hub.db > snasa.token"],
        task: { "add the site \($0.argument("NAME"))" },
        run: { invocation, context in
            let hours = try hours(invocation.value(.expires) ?? "24h")
            let name = invocation.argument("NAME")
            let json = try await context.asking(invocation) {
                try await $0.post(["site"], Message<SiteInvitation> { ($0.name, $0.expiresHours) = (name, hours) })
            }
            let answer = try Answer(json, "the new site")
            if invocation.flag(.json) {
                try context.console.print(json)
            } else {
                try context.console.print(Visible.text(try answer.text("token")) + "\n")
                let expires = context.console.time(answer["expires"].string)
                try context.console.note(
                    "samband: \(name) may join once with this token until \(expires):\n"
                        + "  samband node join --db \(name).db --hub URL --token-file F")
            }
            return .done
        })

    static let siteList = Verb(
        "site list", "list the sites of the fleet",
        options: place(.json), task: { _ in "list the sites" },
        run: { invocation, context in
            let json = try await context.asking(invocation) { try await $0.get(["site"]) }
            if invocation.flag(.json) {
                try context.console.print(json)
                return .done
            }
            let sites = try Answer.list(json, "the sites")
            try context.console.print(
                sites.isEmpty
                    ? "no sites yet: samband site add NAME\n" : try siteTable(sites, context.console))
            return .done
        })
}

/// `24h`, `30m`, `7d` → hours.
private func hours(_ text: String) throws(CommandError) -> Double {
    let wrong = CommandError.words(
        "--expires \(text) is no time from 1m to 365d", hint: "Write a number and m, h or d: --expires 24h")
    guard let unit = text.last, let number = Int64(text.dropLast()), number > 0, number <= 1_000_000 else {
        throw wrong
    }
    let minutes: Int64
    switch unit {
    case "m": minutes = number
    case "h": minutes = number * 60
    case "d": minutes = number * 60 * 24
    default: throw wrong
    }
    if minutes > 365 * 24 * 60 { throw wrong }
    return Double(minutes) / 60
}
