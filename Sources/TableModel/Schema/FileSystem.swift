import Glibc

/// Refuses file systems on which SQLite's locks or WAL do not hold. https://www.sqlite.org/wal.html
///
/// The kernel's table of mounts says which file system holds a folder: the mount point that is the longest
/// beginning of its real path. https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
package enum FileSystem {
    /// Types that reach over a network, or to a host through another program.
    package static let refused: Set<String> = [
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "coda", "ceph", "lustre", "gpfs", "ocfs2",
        "gfs2",
        "ncpfs", "virtiofs", "vboxsf", "beegfs", "glusterfs",
    ]

    /// Refuses to keep a database in a folder on such a file system.
    package static func check(folder: String, doing: String) throws(SchemaError) {
        guard let name = networkName(ofFolder: folder) else { return }
        throw SchemaError.refused(
            Refusal(
                doing: doing, what: folder,
                why: "it is on a network file system (\(name)), where WAL cannot work",
                hint: "Keep the database on a disk of the machine that runs the applications."))
    }

    /// The type of the file system that holds a folder when it is one of those, else nil.
    package static func networkName(ofFolder path: String) -> String? {
        // A folder that is not there is refused by whoever opens the file in it.
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        guard let file = fopen("/proc/self/mountinfo", "r") else { return nil }
        defer { fclose(file) }
        var table: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&piece, 1, piece.count, file), count > 0 { table += piece[..<count] }
        return networkName(
            folder: String(cString: real), mountInfo: String(decoding: table, as: UTF8.self))
    }

    /// The same from the text of the table.
    package static func networkName(folder: String, mountInfo: String) -> String? {
        var best: (length: Int, type: String)?
        for line in mountInfo.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 1, dash > 4 else { continue }
            let point = unescape(fields[4])
            let inside = point == "/" || folder == point || folder.hasPrefix(point + "/")
            // Of two mounts at one point the later one hides the earlier.
            if inside, point.utf8.count >= best?.length ?? 0 {
                best = (point.utf8.count, String(fields[dash + 1]))
            }
        }
        guard let type = best?.type, refused.contains(type) || type.hasPrefix("fuse") else { return nil }
        return type
    }

    /// Space, tab, newline and backslash stand as `\040` and so on.
    private static func unescape(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == 0x5c, rest.count >= 3,
                let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
            {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
