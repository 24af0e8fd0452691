import Replication
import Testing

@Suite("Which choices fit which conflict")
struct ChoiceTableTests {
    @Test("the page has the table of choices (RECORD_SNAPSHOTS=1 writes it anew)")
    func page() throws {
        try PageTable(page: "Protocol/Merge-and-Arbitration.md", name: "choices").expect(ChoiceTable.page)
    }

    @Test("each way to choose has one rule in each situation: a meaning where it is accepted, else why not")
    func whole() {
        #expect(ChoiceTable.rules.count == ConflictSituation.allCases.count * ChoiceForm.allCases.count)
        for rule in ChoiceTable.rules {
            switch rule.fit {
            case .accepted: #expect(!rule.meaning().isEmpty)
            case .refused(let why, let hint): #expect(!why.isEmpty && !hint.isEmpty && rule.meaning().isEmpty)
            }
            #expect(ChoiceTable.rule(rule.form, in: rule.situation) == rule)
        }
    }

    @Test("whatever is open can be settled: something is always accepted, and each kind has its situation")
    func settles() {
        for kind in ConflictKind.allCases {
            for withheld in [ConflictSituation.Withheld.nothing, .write, .delete] {
                let situation = ConflictSituation(kind, withheld: withheld)
                #expect(situation.withholds == (withheld != .nothing))
                #expect(
                    ChoiceForm.withoutSides.contains {
                        if case .accepted = ChoiceTable.rule($0, in: situation).fit { true } else { false }
                    })
            }
        }
    }

    @Test("a refusal names only choices that the same situation accepts")
    func hints() {
        for rule in ChoiceTable.rules {
            guard case .refused(_, let hint) = rule.fit else { continue }
            for form in ChoiceForm.withoutSides where hint.contains("--\(form.word.rawValue)") {
                guard case .accepted = ChoiceTable.rule(form, in: rule.situation).fit else {
                    Issue.record("\(rule.form) in \(rule.situation): \(hint)")
                    continue
                }
            }
        }
    }

    @Test("a word and its site are one choice and back")
    func words() {
        #expect(ConflictChoice(.take, site: "now") == .now)
        #expect(ConflictChoice(.take, site: "snasa") == .take(site: "snasa"))
        #expect(ConflictChoice(.set) == nil)
        for word in ChoiceWord.allCases where word != .set {
            #expect(ConflictChoice(word)?.word == word)
            #expect(ConflictChoice(word)?.form.word == word)
        }
    }

    @Test("of a column that is set twice the last value counts, and the order given stays")
    func values() {
        let values: ChosenValues = ["b": .integer(1), "a": .null, "b": .integer(2)]
        #expect(values.members.map(\.column) == ["a", "b"])
        #expect(values["b"] == .integer(2) && values["c"] == nil)
    }
}
