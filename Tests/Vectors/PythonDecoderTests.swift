import Foundation
import Testing

/// `decode.py` is written from Protocol/Bytes.md alone: where it and Samband's codec agree, the page is enough.
@Suite("A decoder written from the text")
struct PythonDecoderTests {
    @Test(
        "reads every good vector alike and refuses every bad one",
        .enabled(if: isCI || python != nil, "python3 is not installed"))
    func decoderAgrees() throws {
        let python = try #require(python, "python3 is missing, and in CI that is a failure")
        let script = VectorFolder.repository.appending(path: "Tests/Vectors/decode.py").path
        let result = try run(python, [script, VectorFolder.url.path])
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.contains(" vectors agree"))
    }

    @Test(
        "notices a meaning that differs and a bad one that passes",
        .enabled(if: isCI || python != nil, "python3 is not installed"))
    func decoderCanFail() throws {
        let python = try #require(python, "python3 is missing, and in CI that is a failure")
        let script = VectorFolder.repository.appending(path: "Tests/Vectors/decode.py").path
        let result = try run(python, [script, "--self-test"])
        #expect(result.status == 0, "\(result.output)")
    }

    private func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(["PYTHONDONTWRITEBYTECODE": "1"]) {
            $1
        }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}

private let python: String? = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
    .split(separator: ":").map { "\($0)/python3" }.first { FileManager.default.isExecutableFile(atPath: $0) }
