import Glibc

/// Reading files whole, within a limit.
enum FileText {
    /// The bytes of a file, at most `limit`.
    static func bytes(_ path: String, limit: Int) throws(CommandError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failed(path, errno) }
        defer { close(descriptor) }
        do {
            return try all(descriptor, limit: limit)
        } catch {
            switch error {
            case .tooLarge:
                throw CommandError(
                    .usage, "\(path) has more than \(limit) bytes", hint: "Is it the right file?")
            case .system(let code): throw failed(path, code)
            }
        }
    }

    /// The first bytes of a file.
    static func start(_ path: String, count: Int) throws(CommandError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failed(path, errno) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: count)
        let got = pread(descriptor, &bytes, count, 0)
        guard got >= 0 else { throw failed(path, errno) }
        return Array(bytes.prefix(got))
    }

    enum Failure: Error {
        case tooLarge
        case system(Int32)
    }

    static func all(_ descriptor: Int32, limit: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw .system(errno)
            }
            bytes += buffer[..<count]
            if bytes.count > limit { throw .tooLarge }
        }
    }

    /// The names in a folder, in the order of their bytes, without hidden ones; nil when the path is no folder.
    static func names(inFolder path: String) throws(CommandError) -> [String]? {
        guard let folder = opendir(path) else {
            if errno == ENOTDIR { return nil }
            throw failed(path, errno)
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// A secret or a key in a file or on standard input (`-`): its one line.
    static func line(_ path: String, _ console: Console, limit: Int = 64 * 1024) throws(CommandError)
        -> String
    {
        let bytes = path == "-" ? try console.readInput(limit) : try bytes(path, limit: limit)
        let place = path == "-" ? "standard input" : path
        var line = bytes[...]
        while line.last == 0x0a || line.last == 0x0d { line.removeLast() }
        guard !line.isEmpty else {
            throw CommandError(.usage, "\(place) is empty", hint: "It is to hold one line.")
        }
        guard let text = String(validating: line, as: UTF8.self) else {
            throw CommandError(.usage, "\(place) is no text in UTF-8", hint: "Is it the right file?")
        }
        return text
    }

    private static func failed(_ path: String, _ code: Int32) -> CommandError {
        CommandError(
            code == EACCES ? .notPermitted : .inputOutput, "\(path) cannot be read (\(systemText(code)))",
            hint: "Check the path and who may read it.")
    }
}
