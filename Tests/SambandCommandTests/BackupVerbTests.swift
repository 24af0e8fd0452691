import HTTP
import JSONText
import Testing

@testable import SambandCommand

@Suite("The verb backup")
struct BackupVerbTests {
    static let answer = #"""
        {"file":"/mnt/hub.db","bytes":1204224,"at":"2026-11-22T02:00:00Z","position":41,"vector":{"391":12,"8070":29}}
        """#

    @Test("it asks for the file by its whole path, and says what is in it")
    func asks() async throws {
        let world = try FakeWorld(["POST /v1/backup": .json(Self.answer)])
        let printed = await world.run("backup", "--to", world.folder.file("./b.db"))
        #expect(
            printed.results == """
                verified   /mnt/hub.db
                size       1204224 bytes
                position   41
                vector     391:12 8070:29

                """)
        let file = try DatabaseFile(wanted: world.folder.file("b.db")).path
        #expect(world.asked == [FakeWorld.Asked(line: "POST /v1/backup", body: ["to": .string(file)])])
        let json = await world.run("backup", "--to", world.folder.file("b.db"), "--json")
        #expect(json.results == Self.answer + "\n")
    }

    @Test("without a file, or into a folder that is not there, nobody is asked")
    func words() async throws {
        let world = try FakeWorld()
        #expect(await world.run("backup").code == .usage)
        let nowhere = await world.run("backup", "--to", world.folder.file("none/b.db"))
        #expect(nowhere.code == .inputOutput && nowhere.notes.contains("mkdir -p"))
        #expect(world.asked.isEmpty)
    }

    @Test("a hub that was never backed up says so")
    func never() async throws {
        let status = Sample.hub.replacing(#"{"at":"2026-11-21T02:00:00Z","position":40}"#, with: "null")
        let world = try FakeWorld(["GET /v1/status": .json(status)])
        #expect(await world.run("status").results.contains("last backup   none known (samband backup --to FILE)\n"))
    }
}
