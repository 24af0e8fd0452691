/// A moment as JSON has it: RFC 3339, UTC, to the second (`2026-11-21T19:46:00Z`), or with milliseconds where
/// they matter.
///
/// The calendar is computed, not asked for: the days of the civil calendar from a day number.
/// (H. Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.)
package func rfc3339(ms: UInt64, withMilliseconds: Bool = false) -> String {
    let seconds = Int64(ms / 1000)
    let (days, inDay) = (seconds / 86_400, seconds % 86_400)
    let z = days + 719_468
    let era = z / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shifted + 2) / 5 + 1
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let fraction = withMilliseconds ? "." + padded(Int64(ms % 1000), 3) : ""
    return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T"
        + "\(padded(inDay / 3600, 2)):\(padded(inDay / 60 % 60, 2)):\(padded(inDay % 60, 2))\(fraction)Z"
}

private func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
