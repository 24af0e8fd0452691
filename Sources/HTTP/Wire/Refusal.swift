/// Why a parser takes no more: the rule that was broken and the status that says so. After it nothing on that
/// connection can be trusted to begin where it seems to begin, so the connection ends.
package struct Refusal: Error, Equatable, Sendable, CustomStringConvertible {
    package let status: Status
    /// The rule in words, for instance "a header line ends in LF without CR".
    package let rule: String

    package init(_ status: Status, _ rule: String) {
        self.status = status
        self.rule = rule
    }

    static func bad(_ rule: String) -> Refusal { Refusal(.badRequest, rule) }

    package var description: String { "\(rule) (\(status.code))" }

    package var problem: Problem {
        Problem(
            status, title: status.reason, detail: "The request was not taken: \(rule).",
            next: "Mend the client or what stands between it and this server; the connection is closed.")
    }
}
