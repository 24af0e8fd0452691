import CSimulatedDisk

/// A disk in memory that loses what was not synced when the power goes, fills up, fails and turns read-only. SQLite
/// finds its files under `folder`; so the code that ships opens them by their path like any other.
///
///     let disk = SimulatedDisk(seed: 7)
///     let database = try Connection(path: disk.path("site.db"), mode: .create, busyTimeoutMs: 0)
///     disk.crash(after: 3)           // the power goes within the third change from now
///     …                              // calls throw
///     disk.restorePower()            // what survived is there; open the file anew
package final class SimulatedDisk {
    /// What is left of what was written and not synced.
    package enum Survival: Int32, Sendable {
        /// The seed decides of each write: there, not there, cut, or its sectors damaged.
        case random = 0
        case nothing = 1
        case everything = 2
    }

    /// Operations that can fail.
    package struct Operations: OptionSet, Sendable {
        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }
        package static let reads = Operations(rawValue: 1)
        package static let writes = Operations(rawValue: 2)
        package static let syncs = Operations(rawValue: 4)
    }

    /// All files of a disk at one moment.
    package final class Image {
        fileprivate let pointer: OpaquePointer
        fileprivate init(_ pointer: OpaquePointer) { self.pointer = pointer }
        deinit { simulated_image_release(pointer) }
    }

    private let pointer: OpaquePointer
    /// The folder of its files, for SQLite alone.
    package let folder: String

    /// - Parameter safeOverwrite: false: a write that is cut may harm the bytes beside it, too.
    package init(seed: UInt64, safeOverwrite: Bool = true) {
        pointer = simulated_disk_make(seed, safeOverwrite ? 1 : 0)
        folder = "/simulated-disk/\(simulated_disk_number(pointer))"
    }

    deinit { simulated_disk_release(pointer) }

    package func path(_ name: String) -> String { "\(folder)/\(name)" }

    package func put(_ name: String, _ bytes: [UInt8]) {
        simulated_disk_put(pointer, name, bytes, Int64(bytes.count))
    }

    /// A file as programs see it, or as it is for sure after a loss of power; nil when there is none.
    package func file(_ name: String, durable: Bool = false) -> [UInt8]? {
        let size = simulated_disk_get(pointer, name, durable ? 1 : 0, nil, 0)
        guard size >= 0 else { return nil }
        return [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
            count = Int(simulated_disk_get(pointer, name, durable ? 1 : 0, buffer.baseAddress, size))
        }
    }

    // MARK: the power

    /// The power goes while the n-th change from now is under way; 0: it stays.
    package func crash(after changes: Int) { simulated_disk_crash_after(pointer, Int64(changes)) }
    /// How many changes from now it goes, 0 when it does not.
    package var crashDistance: Int { Int(simulated_disk_crash_distance(pointer)) }
    package func cutPower() { simulated_disk_cut_power(pointer) }
    package var isDown: Bool { simulated_disk_is_down(pointer) != 0 }
    /// Files that were open stay dead.
    package func restorePower(_ survival: Survival = .random) {
        simulated_disk_restore_power(pointer, survival.rawValue)
    }

    // MARK: other faults

    /// After `spared` more operations of these kinds, `count` fail.
    package func fail(_ operations: Operations, after spared: Int = 0, count: Int) {
        simulated_disk_fail(pointer, operations.rawValue, Int64(spared), Int64(count))
    }

    /// The space that is left, in bytes; nil: no limit.
    package func limit(room: Int?) {
        simulated_disk_limit(pointer, room.map { simulated_disk_used(pointer) + Int64($0) } ?? -1)
    }

    package func setReadOnly(_ on: Bool) { simulated_disk_set_read_only(pointer, on ? 1 : 0) }
    /// A disk that says a file is synced and does nothing.
    package func setLying(_ on: Bool) { simulated_disk_set_lying(pointer, on ? 1 : 0) }
    /// A sync that fails drops what it should have written, though programs go on reading it.
    package func setForgetful(_ on: Bool) { simulated_disk_set_forgetful(pointer, on ? 1 : 0) }

    /// While a disk is calm none of its faults happens and none comes nearer: for who only looks.
    package func setCalm(_ on: Bool) { simulated_disk_set_calm(pointer, on ? 1 : 0) }

    /// Everything works again. The power stays as it is.
    package func mend() {
        fail([], count: 0)
        limit(room: nil)
        setReadOnly(false)
    }

    // MARK: images

    package var changes: Int { Int(simulated_disk_changes(pointer)) }
    package var syncs: Int { Int(simulated_disk_syncs(pointer)) }

    package func image() -> Image { Image(simulated_disk_take_image(pointer)) }
    /// Puts these files in place of all there are. Files that were open stay dead.
    package func put(_ image: Image) { simulated_disk_put_image(pointer, image.pointer) }
}
