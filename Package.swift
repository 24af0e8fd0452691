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
func tests(_ name: String, _ arrows: [String]) -> Target {
    .testTarget(
        name: name, dependencies: arrows.map { .byName(name: $0) }, path: "Tests/\(name)",
        swiftSettings: strict)
}

let package = Package(
    name: "samband",
    dependencies: [],
    targets: [
        .systemLibrary(name: "CSQLite"),
        room("SQLite", ["CSQLite"]),
        tests("SQLiteTests", ["SQLite"]),
        .systemLibrary(name: "CLinux"),
        room("HTTP"),
        room("EventLoop", ["CLinux"]),
        room("HTTPServer", ["CLinux", "EventLoop", "HTTP"]),
        room("HTTPClient", ["CLinux", "EventLoop", "HTTP"]),
        tests("HTTPTests", ["HTTP"]),
        .target(
            name: "HTTPTestKit", dependencies: ["EventLoop", "HTTP", "HTTPServer"], path: "Tests/HTTPTestKit",
            swiftSettings: strict),
        tests("EventLoopTests", ["EventLoop"]),
        tests("HTTPServerTests", ["CLinux", "EventLoop", "HTTP", "HTTPClient", "HTTPServer", "HTTPTestKit"]),
        tests("Peers", ["HTTP", "HTTPClient", "HTTPServer", "HTTPTestKit"]),
    ],
    swiftLanguageModes: [.v6]
)
