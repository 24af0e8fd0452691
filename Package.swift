// swift-tools-version: 6.2
import PackageDescription

/// What every target is built with: Swift 6, no warnings, no import that the manifest does not name.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// A room of the house (a library target): its name and the rooms its arrows lead to.
func room(_ name: String, _ arrows: [String] = []) -> Target {
    .target(name: name, dependencies: arrows.map { .byName(name: $0) }, swiftSettings: strict)
}

/// The tests of one room or one concern.
func tests(_ name: String, _ arrows: [String], excluding files: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: arrows.map { .byName(name: $0) }, path: "Tests/\(name)", exclude: files,
        swiftSettings: strict)
}

let package = Package(
    name: "samband",
    dependencies: [],
    targets: [
        .systemLibrary(name: "CSQLite"),
        room("SQLite", ["CSQLite"]),
        room("Replication"),
        room("ReplicaStore", ["SQLite", "Replication"]),
        tests("SQLiteTests", ["SQLite"]),
        tests("Vectors", ["Replication"], excluding: ["decode.py", "bytes_of_the_page.py"]),
    ],
    swiftLanguageModes: [.v6]
)
