/// Why bytes that claim to be a change set, or a part of one, are refused. `at` is an offset from the start
/// of what was being read. Nothing of a row is in it.
package struct CodecError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was being read: "segment", "change set header", "frame".
    package let reading: String
    package let at: Int
    package let why: String

    package init(reading: String, at: Int, why: String) {
        self.reading = reading
        self.at = at
        self.why = why
    }

    package var description: String { "reading a \(reading): \(why) at byte \(at)" }
}
