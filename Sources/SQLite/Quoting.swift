/// A name as SQL text: in double quotes, doubled inside. The one function for identifiers.
/// https://www.sqlite.org/lang_keywords.html
package func quote(identifier name: String) -> String {
    if !name.utf8.contains(UInt8(ascii: "\"")) { return "\"\(name)\"" }
    return "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
}

/// A text literal as SQL: in single quotes, doubled inside. Only for text that cannot be bound, such as inside
/// a trigger; never for a value of a row.
package func quoteText(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
}
