/// The known word that a mistyped one probably meant: at most a third of its letters changed, added, left out or
/// swapped.
package func nearest(_ word: String, _ known: [String]) -> String? {
    let ranked = known.map { (word: $0, distance: distance(word, $0)) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
    return best.distance <= max(1, word.count / 3) ? best.word : nil
}

/// Changed, added, left out or swapped letters (optimal string alignment).
private func distance(_ left: String, _ right: String) -> Int {
    let a = Array(left.prefix(64))
    let b = Array(right.prefix(64))
    var rows = [Array(0...b.count)]
    for i in 0..<a.count {
        var row = [i + 1]
        for j in 0..<b.count {
            var least = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                least = min(least, rows[i - 1][j - 1] + 1)
            }
            row.append(least)
        }
        rows.append(row)
    }
    return rows[a.count][b.count]
}

/// What to do about a name that is not known: the one that was probably meant, or all of a few.
package func spellingHint(_ word: String, _ known: [String]) -> String {
    let names = Set(known).sorted()
    if let near = nearest(word, names) { return "Did you mean \(near)?" }
    return names.isEmpty || names.count > 12
        ? "Check its spelling." : "Check its spelling; there are: \(names.joined(separator: ", "))."
}
