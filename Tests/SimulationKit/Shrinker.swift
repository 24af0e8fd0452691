/// Cuts a failing history down to steps that are all needed for it to fail.
package enum Shrinker {
    /// `fails` says why a history fails, nil when it does not.
    package static func shrink(_ scenario: Scenario, fails: (Scenario) -> String?) -> Scenario {
        var best = scenario
        var chunk = max(1, best.steps.count / 2)
        while true {
            var start = 0
            var shrunk = false
            while start < best.steps.count {
                var tried = best
                tried.steps.removeSubrange(start..<min(start + chunk, best.steps.count))
                if fails(tried) != nil {
                    best = tried
                    shrunk = true
                } else {
                    start += chunk
                }
            }
            if chunk > 1 { chunk /= 2 } else if !shrunk { break }
        }
        return simplified(best, fails)
    }

    /// Takes faults off messages and statements out of transactions.
    private static func simplified(_ scenario: Scenario, _ fails: (Scenario) -> String?) -> Scenario {
        var best = scenario
        for place in best.steps.indices {
            for simpler in simplerSteps(best.steps[place]) {
                var tried = best
                tried.steps[place] = simpler
                if fails(tried) != nil {
                    best = tried
                    break
                }
            }
        }
        return best
    }

    private static func simplerSteps(_ step: Step) -> [Step] {
        switch step {
        case .push(let site, let fault) where fault != .none: return [.push(site, .none)]
        case .pull(let site, let fault) where fault != .none: return [.pull(site, .none)]
        case .write(let site, let writes) where writes.count > 1:
            return writes.indices.map { place in
                var fewer = writes
                fewer.remove(at: place)
                return .write(site, fewer)
            }
        case .uncheckedWrite(let site, let writes) where writes.count > 1:
            return writes.indices.map { place in
                var fewer = writes
                fewer.remove(at: place)
                return .uncheckedWrite(site, fewer)
            }
        default: return []
        }
    }
}
