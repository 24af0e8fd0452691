import SimulationKit
import Testing

@Suite("Histories that broke an earlier draft")
struct StoryTests {
    @Test("by the pure rules", arguments: Story.ofTheModel + Story.ofConflicts + Story.ofPolicies)
    func pureRules(story: Story) throws {
        try story.run(ReferenceMaker(Catalogue(story.tables)))
    }
}
