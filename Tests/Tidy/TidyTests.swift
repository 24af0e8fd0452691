import Testing

@Suite("The repository is tidy")
struct TidyTests {
    private static let rules: [Rule] = [
        .roomsAreOnTheMap, .importsFollowTheMap, .manifestFollowsTheMap, .tablesHaveTheirRooms, .filesAreShort,
        .nothingIsLeftForLater,
        .noTabs,
        .noPathsOfOneMachine, .linksLead, .citationsLead, .namedTestsExist, .threatsAreTested,
        .declarationsAreExplained,
        .topHoldsWhatIsAllowed,
    ]

    @Test("rule", arguments: rules)
    func holds(rule: Rule) throws {
        let findings = rule.check(try Repository.read())
        #expect(findings.isEmpty, "\(findings.map { "\n  \($0)" }.joined())")
    }

    @Test("a fault is noticed", arguments: rules)
    func canFail(rule: Rule) throws {
        // The pages are enough to plant a fault in, and quicker to look through.
        var repository = try Repository.read()
        repository.files = repository.files.filter { $0.key.hasSuffix(".md") }
        let before = Set(rule.check(repository))
        #expect(!rule.faults.isEmpty, "a rule that was never seen to fail")
        for (place, fault) in rule.faults.enumerated() {
            let found = Set(rule.check(fault(repository))).subtracting(before)
            #expect(found.count == 1, "fault \(place): \(found)")
        }
    }
}
