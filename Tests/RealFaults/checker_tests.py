"""The checker finds each anomaly that is planted in a history made by hand, and none in the history without it."""
import unittest

from checker import KINDS, Checker
from history import History, Transaction


class Story:
    """A history made by hand. Lists are numbers; an element is written as the name of its append."""

    def __init__(self):
        self.transactions = []
        self.elements = {}
        self.finals = {}
        self.clock = 0

    def at(self, session, tick, *acts, end="ok", board=None, span=1):
        """A transaction of a session, whose site is what stands before its dash. An act is (list, "name") for an
        append and (list, ["name", …]) for a read; `span` keeps it open while that many others begin."""
        site = session.split("-")[0]
        appends = [(list_, name) for list_, name in acts if isinstance(name, str)]
        transaction = Transaction(
            session, site, 1 + sum(t.session == session for t in self.transactions), self.clock, appends)
        for list_, name in appends:
            self.elements[name] = (site, tick, session, name)
        ops = [["append", list_, content] if isinstance(content, str)
               else ["read", list_, [self.elements.get(name, ("nowhere", 1, "nobody", name)) for name in content]]
               for list_, content in acts]
        transaction.finish({"end": end, "at": self.clock + span * 10 - 1, "tick": tick, "board": board, "ops": ops})
        self.clock += 10
        self.transactions.append(transaction)

    def end(self, place, board, **lists):
        self.finals[place] = (
            [(int(list_[1:]), *self.elements[name]) for list_, names in lists.items() for name in names], board)

    def kinds(self):
        return {anomaly.kind for anomaly in Checker(History(self.transactions, self.finals)).check()}


class CheckerTests(unittest.TestCase):
    planted = set()

    def expect(self, story, *kinds):
        self.assertEqual(story.kinds(), set(kinds))
        CheckerTests.planted.update(kinds)

    def two(self, *seen):
        """snasa writes one transaction to two lists; verran reads them and sees this much."""
        story = Story()
        story.at("snasa-a", 1, (1, "a"), (2, "b"))
        story.at("verran-r", 0, (1, seen[0]), (2, seen[1]))
        return story

    def test_a_fractured_read(self):
        self.expect(self.two(["a"], ["b"]))
        self.expect(self.two([], []))
        self.expect(self.two(["a"], []), "fractured read")

    def test_a_fractured_read_by_two_appends_to_one_list(self):
        story = Story()
        story.at("snasa-a", 1, (1, "a"), (1, "b"))
        story.at("verran-r", 0, (1, ["b"]))
        self.expect(story, "fractured read")

    def test_a_fractured_read_between_an_update_and_an_insert(self):
        for board, kinds in (1, []), (0, ["fractured read"]):
            story = Story()
            story.at("snasa-a", 1, (1, "a"))
            story.at("verran-r", 0, (1, ["a"]), board={"snasa": board, "verran": 0})
            self.expect(story, *kinds)
        # The update is seen, and not the insert.
        story = Story()
        story.at("snasa-a", 1, (1, "a"))
        story.at("verran-r", 0, (1, []), board={"snasa": 1, "verran": 0})
        self.expect(story, "fractured read")

    def test_read_your_writes(self):
        for seen, kinds in (["a"], []), ([], ["read your writes"]):
            story = Story()
            story.at("snasa-a", 1, (1, "a"))
            story.at("snasa-a", 1, (1, seen))
            self.expect(story, *kinds)

    def test_monotonic_reads(self):
        for seen, kinds in (["a"], []), ([], ["monotonic reads"]):
            story = Story()
            story.at("snasa-a", 1, (1, "a"))
            story.at("verran-r", 0, (1, ["a"]))
            story.at("verran-r", 0, (1, seen))
            self.expect(story, *kinds)

    def test_monotonic_reads_of_the_board(self):
        story = Story()
        story.at("snasa-a", 1, (1, "a"))
        story.at("verran-r", 0, board={"snasa": 1})
        story.at("verran-r", 0, board={"snasa": 0})
        self.expect(story, "monotonic reads")

    def test_readers_of_one_site_at_the_same_time_may_see_more_or_less(self):
        for span, kinds in (2, []), (1, ["local order"]):
            story = Story()
            story.at("snasa-a", 1, (1, "a"))
            story.at("verran-r", 0, (1, ["a"]), span=span)
            story.at("verran-s", 0, (1, []))
            self.expect(story, *kinds)

    def test_local_order(self):
        # Another session of the site had read it before its own commit, which this one sees.
        story = Story()
        story.at("snasa-a", 1, (1, "a"))
        story.at("verran-a", 1, (1, ["a"]), (2, "b"))
        story.at("verran-r", 1, (2, ["b"]), (1, []))
        self.expect(story, "local order")
        # What the site commits later is not there yet.
        story = Story()
        story.at("snasa-a", 1, (1, "a"))
        story.at("snasa-b", 2, (1, "b"))
        story.at("snasa-r", 1, (1, ["a", "b"]))
        self.expect(story, "local order")

    def test_monotonic_writes(self):
        for seen, kinds in (["a", "b"], []), (["a"], []), (["b"], ["monotonic writes"]):
            story = Story()
            story.at("snasa-a", 1, (1, "a"))
            story.at("snasa-a", 2, (1, "b"))
            story.at("verran-r", 0, (1, seen))
            self.expect(story, *kinds)

    def test_writes_follow_reads(self):
        for seen, kinds in (["a"], []), ([], ["writes follow reads"]):
            story = Story()
            story.at("snasa-a", 1, (1, "a"))
            story.at("verran-a", 1, (1, ["a"]), (2, "b"))
            story.at("mosvik-r", 0, (2, ["b"]), (1, seen))
            self.expect(story, *kinds)

    def test_causal_order_over_three_sites(self):
        for seen, kinds in (["a"], []), ([], ["causal order"]):
            story = Story()
            story.at("snasa-a", 1, (1, "a"))
            story.at("verran-r", 0, (1, ["a"]))       # the site has it …
            story.at("verran-a", 1, (2, "b"))         # … when another session writes
            story.at("inderoy-a", 1, (2, ["b"]), (3, "c"))
            story.at("mosvik-r", 0, (3, ["c"]), (1, seen))
            self.expect(story, *kinds)

    def test_concurrent_writes_are_seen_in_any_order(self):
        story = Story()
        story.at("snasa-a", 1, (1, "a"))
        story.at("verran-a", 1, (1, "b"))
        story.at("mosvik-r", 0, (1, ["a"]))
        story.at("inderoy-r", 0, (1, ["b"]))
        self.expect(story)

    def test_circular_flow(self):
        story = Story()
        story.elements = {"b": ("verran", 1, "verran-a", "b")}
        story.at("snasa-a", 1, (2, ["b"]), (1, "a"))
        story.at("verran-a", 1, (1, ["a"]), (2, "b"))
        self.expect(story, "circular flow")

    def test_internal(self):
        for acts, kinds in [([(1, []), (1, "a"), (1, ["a"])], []), ([(1, "a"), (1, [])], ["internal"])]:
            story = Story()
            story.at("snasa-a", 1, *acts)
            self.expect(story, *kinds)

    def test_an_aborted_read(self):
        story = Story()
        story.at("snasa-a", 1, (1, "a"), end="fail")
        story.at("verran-r", 0, (1, ["a"]))
        self.expect(story, "aborted read")

    def test_what_nobody_answered_for_may_be_seen_whole(self):
        for seen, kinds in (["b"], []), ([], ["fractured read"]):
            story = Story()
            story.at("snasa-a", 1, (1, "a"), (2, "b"), end="unsure")
            story.at("verran-r", 0, (1, ["a"]), (2, seen))
            self.expect(story, *kinds)

    def test_an_unknown_element(self):
        story = Story()
        story.at("verran-r", 0, (1, ["x"]))
        self.expect(story, "unknown element")
        story = Story()
        story.at("snasa-a", 1, (1, "a"))
        story.elements["a"] = ("snasa", 2, "snasa-a", "a")
        story.at("verran-r", 0, (1, ["a"]))
        self.expect(story, "unknown element")

    def test_a_duplicate_append(self):
        story = Story()
        story.at("snasa-a", 1, (1, "a"))
        story.at("verran-r", 0, (1, ["a", "a"]))
        self.expect(story, "duplicate append")

    def test_one_tick_twice(self):
        story = Story()
        story.at("snasa-a", 1, (1, "a"))
        story.at("snasa-b", 1, (2, "b"))
        self.expect(story, "one tick twice")

    def test_the_end(self):
        def story(**ends):
            told = Story()
            told.at("snasa-a", 1, (1, "a"), (2, "b"))
            told.at("snasa-a", 2, (1, "c"), (2, "d"), end="unsure")
            for place, (tick, one, two) in ends.items():
                told.end(place, {"snasa": tick}, l1=one, l2=two)
            return told

        whole = (1, ["a"], ["b"])
        self.expect(story(hub=whole, snasa=whole))
        self.expect(story(hub=(2, ["a", "c"], ["b", "d"])))
        self.expect(story(hub=whole, snasa=(2, ["a", "c"], ["b", "d"])), "no convergence")
        self.expect(story(hub=whole, snasa=(1, ["b"], [])), "lost append", "no convergence", "unknown element")
        self.expect(story(hub=(1, ["a"], [])), "lost append")
        self.expect(story(hub=(2, ["a", "c"], ["b"])), "half a transaction")
        # Its appends are gone, and its tick tells that it was committed.
        self.expect(story(hub=(2, ["a"], ["b"])), "lost append")
        self.expect(story(hub=(1, ["a"], ["b", "b"])), "duplicate append")

    @classmethod
    def tearDownClass(cls):
        missing = set(KINDS) - cls.planted
        if missing:
            raise AssertionError(f"never planted: {missing}")


if __name__ == "__main__":
    unittest.main()
