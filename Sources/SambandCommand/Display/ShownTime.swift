import Glibc

/// Times as people read them. The interfaces carry RFC 3339 in UTC; a person gets the time on the wall, with the
/// zone's name beside it.
enum ShownTime {
    /// A moment on the wall: the fields of a calendar and the zone's short name.
    struct Wall: Equatable, Sendable {
        var year: Int
        var month: Int
        var day: Int
        var hour: Int
        var minute: Int
        var second: Int
        var zone: String

        var text: String {
            func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
            return "\(year)-\(two(month))-\(two(day)) \(two(hour)):\(two(minute)):\(two(second)) \(zone)"
        }

        /// What the seconds since 1970 would be if the wall showed UTC.
        var secondsAsUTC: Int64? {
            guard (1970...9999).contains(year) else { return nil }
            return ShownTime.daysSince1970(year, month, day) * 86_400 + Int64(hour * 3600 + minute * 60 + second)
        }
    }

    /// The time on this machine's wall (TZ, /etc/localtime) for seconds since 1970.
    @Sendable static func local(_ seconds: Int64) -> Wall {
        var moment = time_t(seconds)
        var fields = tm()
        localtime_r(&moment, &fields)
        let zone = fields.tm_zone.map { String(cString: $0) } ?? ""
        return Wall(
            year: Int(fields.tm_year) + 1900, month: Int(fields.tm_mon) + 1, day: Int(fields.tm_mday),
            hour: Int(fields.tm_hour), minute: Int(fields.tm_min), second: Int(fields.tm_sec), zone: zone)
    }

    /// Seconds since 1970 of an RFC 3339 time; nil when the text is none. A leap second counts as the one before it.
    static func seconds(_ text: String) -> Int64? {
        let parts = text.utf8.split(whereSeparator: { $0 == UInt8(ascii: "T") || $0 == UInt8(ascii: "t") })
        guard parts.count == 2, let date = numbers(parts[0], UInt8(ascii: "-"), [4, 2, 2]) else { return nil }
        var clock = parts[1]
        guard let offset = takeOffset(&clock) else { return nil }
        if let point = clock.firstIndex(of: UInt8(ascii: ".")) {
            let fraction = clock[clock.index(after: point)...]
            guard !fraction.isEmpty, fraction.allSatisfy({ $0 &- 0x30 < 10 }) else { return nil }
            clock = clock[..<point]
        }
        guard let time = numbers(clock, UInt8(ascii: ":"), [2, 2, 2]), (1...12).contains(date[1]),
            (1...31).contains(date[2]), time[0] < 24, time[1] < 60, time[2] < 61
        else { return nil }
        let days = daysSince1970(date[0], date[1], date[2])
        return days * 86_400 + Int64(time[0] * 3600 + time[1] * 60 + min(time[2], 59)) - offset
    }

    private static func takeOffset(_ clock: inout Substring.UTF8View) -> Int64? {
        if clock.last == UInt8(ascii: "Z") || clock.last == UInt8(ascii: "z") {
            clock = clock.dropLast()
            return 0
        }
        let tail = clock.suffix(6)
        guard let sign = tail.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
            let fields = numbers(tail.dropFirst(), UInt8(ascii: ":"), [2, 2]), fields[0] < 24, fields[1] < 60
        else { return nil }
        clock = clock.dropLast(6)
        let seconds = Int64(fields[0] * 3600 + fields[1] * 60)
        return sign == UInt8(ascii: "+") ? seconds : -seconds
    }

    private static func numbers(_ text: Substring.UTF8View, _ separator: UInt8, _ widths: [Int]) -> [Int]? {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.map(\.count) == widths else { return nil }
        var numbers: [Int] = []
        for part in parts {
            guard part.allSatisfy({ $0 &- 0x30 < 10 }), let number = Int(Substring(part)) else { return nil }
            numbers.append(number)
        }
        return numbers
    }

    /// Days of the Gregorian calendar, counted in years that begin in March, so that leap days end them.
    fileprivate static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear
        return Int64(days - 719_468)
    }
}
