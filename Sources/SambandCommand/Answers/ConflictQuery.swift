import HTTP
import JSONText
import TableModel

/// Which conflicts are meant: `--table`, `--site`, `--kind`, or `--where table=…,site=…,kind=…,column=…`.
struct ConflictQuery: Sendable {
    private(set) var items: [QueryItem] = []

    static let kinds = [
        "insert", "cell", "delete_update", "unique", "foreign_key", "check", "scope", "invalid",
    ]

    /// What the options say.
    init(_ invocation: Invocation) throws(CommandError) {
        for option in [Option.table, .site, .kind] {
            if let value = invocation.value(option) { try add(option.name, value) }
        }
        guard let text = invocation.value(.whereConflicts) else { return }
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard sides.count == 2, ["table", "site", "kind", "column"].contains(sides[0]), !sides[1].isEmpty else {
                let near = nearest(sides[0], ["table", "site", "kind", "column"]).map { "Did you mean \($0)=…? " }
                throw .words(
                    "--where does not know what to do with \(part)",
                    hint: (near ?? "") + "For instance: --where table=referral,site=snasa; also kind=… and column=….")
            }
            try add(sides[0], sides[1])
        }
    }

    private mutating func add(_ name: String, _ value: String) throws(CommandError) {
        if items.contains(where: { $0.name == name }) {
            throw .words("\(name) is given twice", hint: "Give it once.")
        }
        if name == "kind", !ConflictQuery.kinds.contains(value) {
            throw .words(
                "there is no kind of conflict \(value)",
                hint: nearest(value, ConflictQuery.kinds).map { "Did you mean \($0)?" }
                    ?? "Use one of \(ConflictQuery.kinds.joined(separator: ", ")).")
        }
        items.append(QueryItem(name, value))
    }

    var isEmpty: Bool { items.isEmpty }

    /// The conflicts that fit, as they are listed.
    func list(_ caller: Caller, all: Bool = false) async throws(CommandError) -> JSON {
        try await caller.get(["conflict"], [QueryItem("all", all ? "true" : "false")] + items)
    }

    /// The numbers of the open ones.
    func open(_ caller: Caller) async throws(CommandError) -> [Int64] {
        var numbers: [Int64] = []
        for conflict in try Answer.list(try await list(caller), "the conflicts") {
            numbers.append(try conflict.number("id"))
        }
        return numbers
    }
}

extension Option {
    static let table = Option("table", "T", "only conflicts of this table")
    static let site = Option("site", "S", "only conflicts with a side of this site")
    static let kind = Option("kind", "K", "only conflicts of this kind, as conflict list names it: cell, unique, …")
    static let whereConflicts = Option(
        "where", "W", "all open conflicts with table=T,site=S,kind=K,column=C, or some of these")
}
