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
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CSHA256"),
        room("SQLite", ["CSQLite"]),
        room("Replication", ["CSHA256"]),
        room("JSONText"),
        .target(
            name: "ReplicaStore", dependencies: ["JSONText", "SQLite", "Replication"],
            resources: [.embedInCode("Schema/SystemTables.sql")], swiftSettings: strict),
        room("HTTP", ["JSONText"]),
        room("EventLoop", ["CLinux"]),
        room("HTTPServer", ["CLinux", "EventLoop", "HTTP"]),
        room("HTTPClient", ["CLinux", "EventLoop", "HTTP"]),
        room("HTTPSClient", ["EventLoop", "HTTP"]),
        room("Presentation", ["HTTP", "JSONText", "Replication", "ReplicaStore"]),
        room("HubService", ["HTTP", "JSONText", "Presentation", "Replication", "ReplicaStore", "SQLite"]),
        room(
            "NodeService",
            ["CLinux", "HTTP", "JSONText", "Presentation", "Replication", "ReplicaStore", "SQLite"]),
        room(
            "SambandCommand",
            [
                "CLinux", "EventLoop", "HTTP", "HTTPClient", "HTTPServer", "HubService", "JSONText",
                "NodeService", "Presentation", "ReplicaStore",
            ]),
        .executableTarget(name: "samband", dependencies: ["SambandCommand"], swiftSettings: strict),
        // The same tool with Foundation's URLSession in it, which is slow to load: `samband` becomes it for https.
        .executableTarget(
            name: "samband-https", dependencies: ["HTTP", "HTTPSClient", "SambandCommand"], swiftSettings: strict),

        .executableTarget(
            name: "samband-bench",
            dependencies: ["HubService", "NodeService", "Replication", "ReplicaStore", "SQLite"],
            swiftSettings: strict),

        .target(name: "TestKit", path: "Tests/TestKit", swiftSettings: strict),
        tests("SQLiteTests", ["SQLite", "TestKit"]),
        tests("ReplicaStoreTests", ["SQLite", "Replication", "ReplicaStore", "TestKit"], excluding: ["Snapshots"]),
        tests("CaptureTests", ["SQLite", "ReplicaStore", "TestKit"]),
        tests(
            "StoreTests",
            ["HubService", "NodeService", "Replication", "ReplicaStore", "SimulationKit", "SQLite", "TestKit"]),
        tests(
            "ServiceTests", ["HTTP", "HubService", "JSONText", "NodeService", "Presentation", "ReplicaStore", "SQLite"]),
        tests(
            "HostileBytes",
            [
                "HTTP", "HubService", "JSONText", "NodeService", "Presentation", "Replication", "ReplicaStore",
                "SQLite",
                "TestKit",
            ]),
        tests("JSONTextTests", ["JSONText"]),
        tests("HTTPTests", ["HTTP"]),
        .testTarget(
            name: "SambandCommandTests",
            dependencies: [
                "CLinux", "EventLoop", "HTTP", "HTTPClient", "HTTPServer", "JSONText", "ReplicaStore",
                "SambandCommand", "TestKit",
            ], path: "Tests/SambandCommandTests", exclude: ["Snapshots"], swiftSettings: strict),
        .target(
            name: "HTTPTestKit", dependencies: ["EventLoop", "HTTP", "HTTPServer"], path: "Tests/HTTPTestKit",
            swiftSettings: strict),
        tests("EventLoopTests", ["EventLoop"]),
        tests("HTTPServerTests", ["CLinux", "EventLoop", "HTTP", "HTTPClient", "HTTPServer", "HTTPTestKit"]),
        tests("Peers", ["HTTP", "HTTPClient", "HTTPServer", "HTTPTestKit"]),
        // What tests of several rooms share: a random source with a seed, clocks that run wrong, a network that
        // loses, doubles and reorders, and a fleet to drive through a history.
        .target(
            name: "SimulationKit", dependencies: ["Replication"], path: "Tests/SimulationKit",
            swiftSettings: strict),
        tests("ReplicationTests", ["Replication", "SimulationKit"]),
        // Disks in memory whose power goes, for SQLite: the C that SQLite calls, and its face for the tests.
        .target(name: "CSimulatedDisk", dependencies: ["CSQLite"], path: "Tests/CSimulatedDisk"),
        .target(
            name: "SimulatedDisk", dependencies: ["CSimulatedDisk"], path: "Tests/SimulatedDisk",
            swiftSettings: strict),
        tests("SimulatedDiskTests", ["SQLite", "SimulatedDisk", "SimulationKit", "TestKit"]),
        tests(
            "Convergence",
            ["HubService", "NodeService", "Replication", "ReplicaStore", "SimulatedDisk", "SimulationKit", "SQLite"]),
        // The built tool as real processes: the arrow to it builds it beside the tests.
        tests(
            "EndToEnd", ["HTTP", "JSONText", "samband", "samband-https", "SimulationKit", "TestKit"],
            excluding: ["Scripts"]),
        tests("Vectors", ["Replication"], excluding: ["decode.py", "bytes_of_the_page.py"]),
        tests("Tidy", []),
    ],
    swiftLanguageModes: [.v6]
)
