import Replication
import SQLite

/// Why the store could not do what it was asked. Text for people is made of the four parts in one place; no
/// value of a row is ever in it.
package struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the caller may have to tell apart: whether to try again, to join anew, or to give up.
    package enum Kind: String, Hashable, Sendable {
        /// What was handed in is wrong, or the data or a constraint forbids it; trying again will not help.
        case refused
        /// It was asked for in words that fit no data: a name of another form, a wrong number of columns, a wrong file.
        case misused
        /// Something that it needs has not come yet.
        case missing
        /// Another process or connection is in the way: try later.
        case busy
        /// The disk, the file or SQLite itself failed.
        case inputOutput
        /// What is asked for does not exist.
        case notFound
        /// It has changed since the caller looked.
        case changed
        /// This database and the hub's disagree where they must not.
        case diverged
        /// The machine's clock cannot be right, and nothing is written by it.
        case wrongClock
    }

    /// What of the disk or of the file's neighbours was in the way: each has a remedy of its own.
    package enum Fault: String, Hashable, Sendable {
        case diskFull, readOnly, inputOutput, locked, damaged
        /// The file does not stand under its name any more.
        case moved
    }

    package let kind: Kind
    package let doing: String
    package let why: String
    package let hint: String
    package private(set) var fault: Fault?

    package init(_ kind: Kind, doing: String, why: String, hint: String) {
        self.kind = kind
        self.doing = doing
        self.why = why
        self.hint = hint
    }

    /// The file, or what belongs to it, was removed or replaced.
    init(moved why: String, doing: String, hint: String) {
        self.init(.inputOutput, doing: doing, why: why, hint: hint)
        fault = .moved
    }

    package var description: String { "\(doing): \(why). \(hint)" }

    /// What SQLite answered while something was being done.
    package init(_ error: SQLiteError, doing: String) {
        fault = Fault(error)
        kind = error.isBusy ? .busy : .inputOutput
        self.doing = doing
        why = "\(error)"
        hint =
            switch fault {
            case .locked: "Another program holds the database; try again when it is done."
            case .diskFull: "Make room on its disk; nothing was changed."
            case .readOnly: "Let its file system be written again; nothing was changed."
            case .damaged: "Check it: PRAGMA integrity_check. Nothing was changed."
            case .inputOutput, .moved, nil: "Look at the disk, its space and the file's rights; nothing was changed."
            }
    }
}

extension StoreError.Fault {
    /// By the result code, https://www.sqlite.org/rescode.html; nil for what is no matter of the disk.
    package init?(_ error: SQLiteError) {
        switch error.code {
        // Where the disk is full, the index of the write-ahead log cannot grow, either.
        case 4874: self = .diskFull
        default:
            switch error.primaryCode {
            case 5, 6: self = .locked
            case 8: self = .readOnly
            case 10, 14: self = .inputOutput
            case 11, 26: self = .damaged
            case 13: self = .diskFull
            default: return nil
            }
        }
    }
}

/// Runs `body` and turns what SQLite or a decoder answers into a `StoreError` that says what was being done.
package func storing<T>(_ doing: @autoclosure () -> String, _ body: () throws -> T) throws(StoreError) -> T {
    do {
        return try body()
    } catch let error as StoreError {
        throw error
    } catch let error as SQLiteError {
        throw StoreError(error, doing: doing())
    } catch let error as CodecError {
        throw StoreError(
            .refused, doing: doing(), why: "\(error)",
            hint: "The bytes were damaged on the way or come from another version; nothing was taken.")
    } catch {
        throw StoreError(.inputOutput, doing: doing(), why: "\(error)", hint: "Nothing was changed.")
    }
}
