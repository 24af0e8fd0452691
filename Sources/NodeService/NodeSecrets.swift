import Foundation
import JSONText
import Presentation
import TableModel

/// What a node made itself and shows or uses as its own.
package struct NodeSecrets: Hashable, Sendable {
    /// The bearer token; the hub keeps its digest.
    package let token: String
    /// 32 bytes, for what goes in files; the hub has them too.
    package let bundleKey: [UInt8]

    /// New ones, from the system's random source.
    static func make() -> NodeSecrets {
        var generator = SystemRandomNumberGenerator()
        return NodeSecrets(
            token: randomToken(), bundleKey: (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }

    init(token: String, bundleKey: [UInt8]) {
        self.token = token
        self.bundleKey = bundleKey
    }

    /// As the hub is told them.
    var message: Message<RotateRequest> { Message { ($0.secret, $0.bundleKey) = (token, bundleKey) } }
}

/// Where a node keeps its secrets: two files of one line each, readable by their owner only, in a folder of their own
/// beside the database; or what systemd hands over, when the folder has none.
/// (systemd.exec(5), LoadCredential=: read-only files in $CREDENTIALS_DIRECTORY.)
///
/// While secrets are being changed the folder has the next ones as well, under names with `.next`. They are there before
/// the hub hears of them, and take their places after it has: the token last, which is what says that it is done.
package struct SecretsFolder: Sendable {
    package let path: String
    private let database: String
    /// Where systemd hands over credentials; nil when it does not.
    private let credentials: String?

    package init(
        of database: String, credentials: String? = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"]
    ) {
        path = database + "-samband.secrets"
        self.database = database
        self.credentials = credentials
    }

    package var tokenPath: String { path + "/token" }
    private var bundleKeyPath: String { path + "/bundle-key" }
    /// The token that the present one took the place of: a hub that was restored from a backup may know no other.
    private var formerTokenPath: String { tokenPath + ".former" }
    private var nextTokenPath: String { tokenPath + ".next" }
    private var nextBundleKeyPath: String { bundleKeyPath + ".next" }
    /// What a joining that is not done has made.
    private var joiningPath: String { path + "/joining" }

    // MARK: reading

    /// The node's secrets. Throws when they are not there, not whole, or open to others.
    package func read() throws(StoreError) -> NodeSecrets {
        if FileManager.default.fileExists(atPath: tokenPath) { return try read(tokenPath, bundleKeyPath) }
        if let credentials, FileManager.default.fileExists(atPath: credentials + "/samband-token") {
            return try read(credentials + "/samband-token", credentials + "/samband-bundle-key", areOwn: false)
        }
        throw StoreError(
            .inputOutput, doing: "reading the node's secrets", why: "\(tokenPath) is not there",
            hint: "Put the folder back from a backup, or join again under another file name.")
    }

    /// True when they come from systemd, where the node cannot write.
    var areHandedOver: Bool { !FileManager.default.fileExists(atPath: tokenPath) }

    private func read(_ token: String, _ key: String, areOwn: Bool = true) throws(StoreError) -> NodeSecrets {
        let doing = "reading the node's secrets"
        let (tokenLine, keyLine) = (try line(token, doing, areOwn), try line(key, doing, areOwn))
        guard tokenLine.utf8.count >= 32, let bytes = Base64.decode(keyLine), bytes.count == 32 else {
            throw StoreError(
                .inputOutput, doing: doing,
                why: "\(tokenLine.utf8.count < 32 ? token : key) does not hold what it should",
                hint: "Put the folder back from a backup, or join again under another file name.")
        }
        return NodeSecrets(token: tokenLine, bundleKey: bytes)
    }

    private func line(_ file: String, _ doing: String, _ isOwn: Bool) throws(StoreError) -> String {
        let handle = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard handle >= 0 else { throw SecretsFolder.failure("\(doing) in \(file)") }
        defer { close(handle) }
        var about = stat()
        guard fstat(handle, &about) == 0 else { throw SecretsFolder.failure("\(doing) in \(file)") }
        guard !isOwn || about.st_mode & 0o077 == 0 else {
            throw StoreError(
                .refused, doing: doing, why: "others than its owner may read \(file)",
                hint: "chmod 600 \(file), and change the secrets: samband node rotate.")
        }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Foundation.read(handle, &bytes, bytes.count)
        guard count >= 0 else { throw SecretsFolder.failure("\(doing) in \(file)") }
        let text = bytes[..<count].split(separator: 0x0a, omittingEmptySubsequences: false).first ?? []
        return String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespaces)
    }

    // MARK: joining

    /// The secrets that were made for a join token, else new ones, kept from before the hub is asked. Those made for
    /// another token are never shown: they may be those of another site.
    func secrets(forJoinDigest digest: String) throws(StoreError) -> NodeSecrets {
        if let known = try? String(contentsOfFile: joiningPath, encoding: .utf8) {  // none yet: made below
            let lines = known.split(separator: "\n").map(String.init)
            if lines.count == 3, lines[0] == digest, lines[1].utf8.count >= 32,
                let key = Base64.decode(lines[2]), key.count == 32
            {
                return NodeSecrets(token: lines[1], bundleKey: key)
            }
        }
        try makeFolder()
        let made = NodeSecrets.make()
        try put("\(digest)\n\(made.token)\n\(Base64.encode(made.bundleKey))\n", at: joiningPath)
        return made
    }

    /// The hub knows them: from now on they are the node's.
    func keep(_ secrets: NodeSecrets) throws(StoreError) {
        try makeFolder()
        // Those of a node that was here before are another site's: never to be shown for this one.
        for file in [nextTokenPath, nextBundleKeyPath, formerTokenPath] { unlink(file) }
        try put(Base64.encode(secrets.bundleKey) + "\n", at: bundleKeyPath)
        try put(secrets.token + "\n", at: tokenPath)
    }

    /// The database is in its place: what was kept for joining has served.
    func endJoining() {
        unlink(joiningPath)
        SecretsFolder.sync(path)
    }

    // MARK: changing

    /// The secrets that are to take the place of the present ones: those of a change that was begun, else new ones, on
    /// the disk from here on.
    func next() throws(StoreError) -> NodeSecrets {
        if FileManager.default.fileExists(atPath: nextTokenPath) {
            let key = FileManager.default.fileExists(atPath: nextBundleKeyPath) ? nextBundleKeyPath : bundleKeyPath
            return try read(nextTokenPath, key)
        }
        let made = NodeSecrets.make()
        try put(Base64.encode(made.bundleKey) + "\n", at: nextBundleKeyPath)
        try put(made.token + "\n", at: nextTokenPath)
        return made
    }

    /// The hub knows the next ones: they take the places of the former.
    func takeUpNext() throws(StoreError) {
        let former = try read()
        try put(former.token + "\n", at: formerTokenPath)
        for (next, place) in [(nextBundleKeyPath, bundleKeyPath), (nextTokenPath, tokenPath)] {
            if next == nextBundleKeyPath, !FileManager.default.fileExists(atPath: next) { continue }
            guard rename(next, place) == 0 else { throw SecretsFolder.failure("putting \(place) in place") }
            SecretsFolder.sync(path)
        }
    }

    /// Nil when the secrets were never changed.
    func formerToken() -> String? {
        // None, or one that cannot be read: then there is nothing to fall back upon.
        try? line(formerTokenPath, "reading the node's former secret", true)
    }

    /// True when a change was begun and not ended.
    var isChanging: Bool { FileManager.default.fileExists(atPath: nextTokenPath) }

    // MARK: files

    private func makeFolder() throws(StoreError) {
        if mkdir(path, 0o700) == 0 {
            SecretsFolder.sync(Joining.folder(of: path))
            return
        }
        guard errno == EEXIST, chmod(path, 0o700) == 0 else { throw SecretsFolder.failure("making the folder \(path)") }
    }

    /// Writes a small file, readable by its owner only, whole or not at all.
    private func put(_ text: String, at file: String) throws(StoreError) {
        let doing = "keeping the node's secrets in \(file)"
        let bytes = Array(text.utf8)
        let new = file + ".new"
        unlink(new)
        let handle = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard handle >= 0 else { throw SecretsFolder.failure(doing) }
        let isWritten = write(handle, bytes, bytes.count) == bytes.count && fsync(handle) == 0
        close(handle)
        guard isWritten, rename(new, file) == 0 else {
            unlink(new)
            throw SecretsFolder.failure(doing)
        }
        SecretsFolder.sync(path)
    }

    /// So that names in a folder are on the disk.
    static func sync(_ folder: String) {
        let handle = open(folder, O_RDONLY | O_CLOEXEC)
        guard handle >= 0 else { return }
        fsync(handle)
        close(handle)
    }

    private static func failure(_ doing: String) -> StoreError {
        StoreError(
            .inputOutput, doing: doing, why: String(cString: strerror(errno)),
            hint: "Look at the folder's rights and the disk's space.")
    }
}
