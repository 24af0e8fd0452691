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
        // A replicated database, from its tables up to hub and node. Hub and node do not see each other.
        .target(
            name: "TableModel", dependencies: ["SQLite", "Replication"],
            resources: [.embedInCode("Schema/SystemTables.sql")], swiftSettings: strict),
        room("OrderedLog", ["Replication", "SQLite", "TableModel"]),
        room("Capturing", ["OrderedLog", "Replication", "SQLite", "TableModel"]),
        room("ConflictStore", ["OrderedLog", "Replication", "SQLite", "TableModel"]),
        room("RecordViews", ["ConflictStore", "JSONText", "OrderedLog", "Replication", "SQLite", "TableModel"]),
        room("Merging", ["ConflictStore", "OrderedLog", "RecordViews", "Replication", "SQLite", "TableModel"]),
        room(
            "Explaining",
            ["ConflictStore", "JSONText", "OrderedLog", "RecordViews", "Replication", "SQLite", "TableModel"]),
        room(
            "NodeDatabase",
            [
                "Capturing", "ConflictStore", "Explaining", "Merging", "OrderedLog", "RecordViews", "Replication",
                "SQLite", "TableModel",
            ]),
        room("Auditing", ["JSONText", "Replication", "SQLite", "TableModel"]),
        room("Snapshots", ["Capturing", "OrderedLog", "Explaining", "Replication", "SQLite", "TableModel"]),
        room(
            "HubDatabase",
            [
                "Auditing", "Capturing", "ConflictStore", "JSONText", "Merging", "OrderedLog", "Explaining",
                "RecordViews",
                "Replication", "SQLite", "Snapshots", "TableModel",
            ]),
        room(
            "HubFromNodes",
            [
                "Auditing", "Capturing", "ConflictStore", "HubDatabase", "JSONText", "NodeDatabase", "OrderedLog",
                "Replication", "SQLite", "TableModel",
            ]),
        room("HTTP", ["JSONText"]),
        room("EventLoop", ["CLinux"]),
        room("HTTPServer", ["CLinux", "EventLoop", "HTTP"]),
        room("HTTPClient", ["CLinux", "EventLoop", "HTTP"]),
        room("HTTPSClient", ["EventLoop", "HTTP"]),
        room(
            "Presentation",
            [
                "Auditing", "ConflictStore", "Explaining", "HTTP", "JSONText", "RecordViews",
                "Replication", "TableModel",
            ]),
        room(
            "HubService",
            [
                "Auditing", "HTTP", "HubDatabase", "JSONText", "Presentation", "Explaining", "RecordViews",
                "Replication",
                "SQLite", "Snapshots", "TableModel",
            ]),
        room(
            "NodeService",
            [
                "CLinux", "Explaining", "HTTP", "JSONText", "NodeDatabase", "Presentation", "Replication", "SQLite",
                "TableModel",
            ]),
        room(
            "SambandCommand",
            [
                "CLinux", "EventLoop", "HTTP", "HTTPClient", "HTTPServer", "HubDatabase", "HubFromNodes", "HubService",
                "JSONText", "NodeService", "Presentation", "RecordViews", "Replication", "TableModel",
            ]),
        .executableTarget(name: "samband", dependencies: ["SambandCommand"], swiftSettings: strict),
        // The same tool with Foundation's URLSession in it, which is slow to load: `samband` becomes it for https.
        .executableTarget(
            name: "samband-https", dependencies: ["HTTP", "HTTPSClient", "SambandCommand"], swiftSettings: strict),

        .executableTarget(
            name: "samband-bench",
            dependencies: ["HubDatabase", "HubService", "NodeDatabase", "NodeService", "Replication", "SQLite"],
            swiftSettings: strict),

        .target(name: "TestKit", path: "Tests/TestKit", swiftSettings: strict),
        tests("SQLiteTests", ["SQLite", "TestKit"]),
        tests(
            "ReplicaStoreTests", ["Capturing", "Replication", "SQLite", "TableModel", "TestKit"],
            excluding: ["Snapshots"]),
        tests("CaptureTests", ["Capturing", "SQLite", "TableModel", "TestKit"]),
        tests(
            "StoreTests",
            [
                "Auditing", "ConflictStore", "Explaining", "HubDatabase", "HubFromNodes", "HubService", "JSONText",
                "Merging",
                "NodeDatabase", "NodeService", "OrderedLog", "RecordViews", "Replication", "SQLite", "SimulationKit",
                "Snapshots", "TableModel",
                "TestKit",
            ]),
        tests(
            "ServiceTests",
            [
                "Auditing", "ConflictStore", "HTTP", "HubDatabase", "HubService", "JSONText", "NodeService",
                "Presentation", "Replication", "SQLite", "TableModel",
            ]),
        tests(
            "HostileBytes",
            [
                "HTTP", "HubDatabase", "HubService", "JSONText", "NodeService", "Presentation", "Replication", "SQLite",
                "TestKit",
            ]),
        tests("JSONTextTests", ["JSONText"]),
        tests("HTTPTests", ["HTTP"]),
        .testTarget(
            name: "SambandCommandTests",
            dependencies: [
                "CLinux", "EventLoop", "HTTP", "HTTPClient", "HTTPServer", "JSONText", "Replication", "SambandCommand",
                "TableModel", "TestKit",
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
            [
                "ConflictStore", "HubDatabase", "HubService", "NodeDatabase", "NodeService", "OrderedLog",
                "RecordViews", "Replication", "SQLite", "SimulatedDisk", "SimulationKit", "TableModel",
            ]),
        // The built tool as real processes: the arrow to it builds it beside the tests.
        tests(
            "EndToEnd", ["HTTP", "JSONText", "SimulationKit", "TestKit", "samband", "samband-https"],
            excluding: ["Scripts"]),
        // A hub and its sites in one process, through the services that ship, by a clock and numbers of the test's own.
        .target(
            name: "FleetKit",
            dependencies: [
                "HTTP", "HubDatabase", "HubService", "JSONText", "NodeService", "SQLite", "SimulationKit", "TableModel",
            ],
            path: "Tests/FleetKit", swiftSettings: strict),
        tests(
            "Golden", ["FleetKit", "JSONText", "Replication", "SQLite", "SimulationKit"],
            excluding: ["Snapshots", "README.md"]),
        tests("Traces", ["FleetKit", "JSONText"], excluding: ["Histories", "README.md"]),
        tests("Vectors", ["Replication"], excluding: ["decode.py", "bytes_of_the_page.py"]),
        tests("Tidy", []),
    ],
    swiftLanguageModes: [.v6]
)
