/// What a site does, step by step, to hand in what it knows to a hub that was restored: it offers its change sets, some at
/// a time, sends those that the hub wants, and says that it is done. Who drives it carries each step out over the line, and
/// a line that fails ends it: the next attempt begins anew, and the hub wants what it does not have yet.
///
/// ```
/// while let step = handing.next() {
///     switch step {
///     case .offer(let offers): handing.wants(try ask(offers))
///     case .send(let dots): try send(dots)
///     case .done(let sealed): try tell(sealed)
///     }
/// }
/// ```
package struct HandingIn<Offer> {
    package enum Step {
        /// Ask which of these the hub wants, and say so with `wants`.
        case offer([Offer])
        /// Send these change sets.
        case send([Dot])
        /// Say that all was handed in that was known when the last own change set was this one.
        case done(sealed: UInt64)
    }

    private var left: ArraySlice<Offer>
    private let sealed: UInt64
    private let atOnce: Int
    private var wanted: [Dot] = []
    private var isDone = false

    /// - Parameters:
    ///   - offers: all that the hub may lack.
    ///   - sealed: the last own seq, read no later than the offers.
    ///   - atOnce: how many are offered in one request.
    package init(offers: [Offer], sealed: UInt64, atOnce: Int = 1000) {
        left = offers[...]
        self.sealed = sealed
        self.atOnce = atOnce
    }

    /// The hub wants these of what was offered last.
    package mutating func wants(_ dots: [Dot]) { wanted = dots }

    /// What is to be done next; nil behind the last step.
    package mutating func next() -> Step? {
        if !wanted.isEmpty {
            defer { wanted = [] }
            return .send(wanted)
        }
        if !left.isEmpty {
            let some = Array(left.prefix(atOnce))
            left = left.dropFirst(some.count)
            return .offer(some)
        }
        if isDone { return nil }
        isDone = true
        return .done(sealed: sealed)
    }
}
