"""Looks for anomalies in a history (history.py), in the manner of Elle (https://github.com/jepsen-io/elle).

Elements carry their author's place in its site's order, so nothing has to be guessed: for every transaction the checker
reckons a vector, site → tick, of all it is known to have had before its eyes: what its site had committed, what it and
earlier ones at its site had read, and what the authors of that had in turn. All that the vector covers must be in
what the transaction reads.

  fractured read        a part of a transaction is seen and another is not
  read your writes      a session does not see what it wrote
  monotonic reads       a session does not see any more what it had seen
  local order           a transaction does not see what its site had committed or seen before, or sees what came later
  monotonic writes      a later write of a session is seen, an earlier one is not
  writes follow reads   a write is seen, and not what its session had read before
  causal order          a write is seen, and not what its site had seen before, by whatever way
  circular flow         two transactions saw each other
  internal              a transaction does not see its own append, or sees it before
  aborted read          something that was rolled back is seen
  unknown element       something that nobody wrote, or wrote otherwise, is seen
  duplicate append      an element stands twice
  one tick twice        two transactions of a site had one place in its order
  lost append           an acknowledged append is not there in the end
  half a transaction    one that nobody answered for is there in part in the end
  no convergence        two databases differ in the end
"""
from collections import defaultdict

KINDS = [line.strip().split("   ")[0] for line in __doc__.splitlines() if line.startswith("  ")]


class Anomaly:
    def __init__(self, kind, text):
        assert kind in KINDS, kind
        self.kind, self.text = kind, text

    def __str__(self):
        return f"{self.kind}: {self.text}"


class Checker:
    """Checks one history. `anomalies` holds what was found, `witnessed` how much there was to be found in."""

    def __init__(self, history):
        self.history = history
        self.anomalies = []
        self.witnessed = {"remote elements": 0, "whole remote transactions": 0}
        # (session, number) → (its transaction, list)
        self.author = {}
        # (site, tick) → transaction
        self.at_tick = {}
        # (list, site) → ticks and elements that were committed there
        self.committed = defaultdict(list)
        # (reader, author) of which a fractured read was told
        self.fractured = set()
        for transaction in history.transactions:
            for number_of_list, number in transaction.appends:
                self.author[transaction.session, number] = (transaction, number_of_list)

    def found(self, kind, text):
        self.anomalies.append(Anomaly(kind, text))

    def check(self):
        self.resolve()
        for transaction in self.history.transactions:
            self.check_inside(transaction)
        self.check_order()
        self.check_ends()
        return self.anomalies

    # The elements themselves

    def resolve(self):
        """Learns from what was read which unsure transactions were committed, and where they stand in their order."""
        for transaction in self.history.transactions:
            if transaction.end == "ok" and transaction.writes:
                self.place(transaction, transaction.tick)
        for transaction in self.history.transactions:
            for list_, elements in transaction.reads():
                self.check_elements(list_, elements, str(transaction))
        for place, (elements, _) in self.history.finals.items():
            lists = defaultdict(list)
            for list_, *element in elements:
                lists[list_].append(tuple(element))
            for list_, found in lists.items():
                self.check_elements(list_, found, f"the end at {place}")
        for transaction in self.at_tick.values():
            for list_, number in transaction.appends:
                self.committed[list_, transaction.site].append(
                    (transaction.tick, (transaction.site, transaction.tick, transaction.session, number)))
        for elements in self.committed.values():
            elements.sort()

    def place(self, transaction, tick):
        other = self.at_tick.setdefault((transaction.site, tick), transaction)
        if other is not transaction:
            self.found("one tick twice", f"{transaction} and {other}")

    def check_elements(self, list_, elements, where):
        if len(set(elements)) < len(elements):
            twice = next(element for element in elements if elements.count(element) > 1)
            self.found("duplicate append", f"{twice} in list {list_}, {where}")
        for site, tick, session, number in elements:
            author, author_list = self.author.get((session, number), (None, None))
            if author is None or (author.site, author_list) != (site, list_):
                self.found("unknown element", f"{(site, tick, session, number)} in list {list_}, {where}")
            elif author.end == "fail":
                self.found("aborted read", f"{(site, tick, session, number)} in list {list_}, {where}")
            elif author.tick is None:
                author.tick = tick
                self.place(author, tick)
            elif author.tick != tick:
                self.found("unknown element", f"{(site, tick, session, number)} in list {list_}, {where}: {author}")

    # One transaction by itself

    def check_inside(self, transaction):
        """Its own appends are seen from their moment on; what it sees of others is whole."""
        done = set()
        seen, lists_read = set(), set()
        for op in transaction.ops:
            if op[0] == "append":
                done.add((op[1], op[2]))
                continue
            own = {(op[1], number) for site, _, session, number in op[2]
                   if session == transaction.session and self.is_by(transaction, session, number)}
            if own != {append for append in done if append[0] == op[1]}:
                self.found("internal", f"{transaction}, list {op[1]}: sees {own}, had appended {done}")
            seen.update((op[1], *element) for element in map(tuple, op[2]))
            lists_read.add(op[1])
        whole = set()
        for list_, site, tick, session, number in seen:
            author = self.author.get((session, number), (None, None))[0]
            if author is None or author is transaction or author.tick != tick:
                continue
            wanted = {(a_list, site, tick, session, a_number)
                      for a_list, a_number in author.appends if a_list in lists_read}
            is_behind = transaction.board is not None and transaction.board.get(site, 0) < tick
            if (wanted - seen or is_behind) and (transaction, author) not in self.fractured:
                self.fractured.add((transaction, author))
                self.found("fractured read", f"{transaction} sees {len(wanted & seen)} of {len(wanted)} appends "
                           f"of {author}, and tick {(transaction.board or {}).get(site)} on the board")
            if site != transaction.site:
                self.witnessed["remote elements"] += 1
                if len({a_list for a_list, *_ in wanted}) > 1:
                    whole.add(author)
        self.witnessed["whole remote transactions"] += len(whole)

    def is_by(self, transaction, session, number):
        return self.author.get((session, number), (None, None))[0] is transaction

    # All of them in order

    def check_order(self):
        """Goes through every site's order, each transaction after all that it saw, and reckons the vectors."""
        lines = {}
        for site in {transaction.site for transaction in self.history.transactions}:
            lines[site] = Line(site, [t for t in self.history.transactions if t.site == site and t.tick is not None])
        moved = True
        while moved:
            moved = False
            for line in lines.values():
                while line.next is not None and self.may_go(line, lines):
                    self.visit(line.next, line, lines)
                    line.go()
                    moved = True
        for line in lines.values():
            if line.next is not None:
                self.found("circular flow", f"{line.next} saw what had itself seen it")

    def observed(self, transaction):
        """(site, tick) of what it saw directly."""
        seen = {(element[0], element[1]) for _, elements in transaction.reads() for element in elements}
        seen &= self.at_tick.keys()
        seen.update((site, tick) for site, tick in (transaction.board or {}).items() if tick > 0)
        return seen

    def may_go(self, line, lines):
        return all(site == line.site or site not in lines or lines[site].has_passed(tick)
                   for site, tick in self.observed(line.next))

    def visit(self, transaction, line, lines):
        vector = line.base(transaction)
        before = dict(vector)
        for site, tick in self.observed(transaction):
            if site == line.site:
                if tick > transaction.tick:
                    self.found("local order", f"{transaction} saw tick {tick} of its own site, which came later")
            elif site in lines:
                join(vector, lines[site].vector_at(tick))
        for site, tick in (transaction.board or {}).items():
            if tick < vector.get(site, 0):
                self.missing(transaction, site, vector[site], f"tick {vector[site]} of {site} on the board", before)
        for list_, elements in transaction.reads():
            there = set(elements)
            for site, limit in vector.items():
                for tick, element in self.committed[list_, site]:
                    if tick > limit:
                        break
                    if element not in there and self.at_tick[site, tick] is not transaction:
                        self.missing(transaction, site, tick, f"{element} in list {list_}", before)
        line.note(transaction, vector)

    def missing(self, reader, site, tick, what, before):
        """Names the promise by the shortest way on which the reader must have had it before its eyes."""
        author = self.at_tick.get((site, tick))
        why = self.reason(reader, author, site, tick, before)
        if (reader, author) not in self.fractured:
            if why == "fractured read":
                self.fractured.add((reader, author))
            self.found(why, f"{reader} does not see {what}, by {author}")

    def reason(self, reader, author, site, tick, before):
        direct = self.observed(reader)
        if (site, tick) in direct:
            return "fractured read"
        if author is not None and author.session == reader.session:
            return "read your writes"
        earlier = [t for t in self.history.transactions if t.session == reader.session and t.n < reader.n]
        if any(self.has_seen(t, site, tick) for t in earlier):
            return "monotonic reads"
        if before.get(site, 0) >= tick:
            return "local order"
        shown = [self.at_tick[dot] for dot in direct if dot in self.at_tick]
        if author is not None and any(t.session == author.session and t.n > author.n for t in shown):
            return "monotonic writes"
        for witness in shown:
            if any(t.session == witness.session and t.n <= witness.n and self.has_seen(t, site, tick)
                   for t in self.history.transactions):
                return "writes follow reads"
        return "causal order"

    def has_seen(self, transaction, site, tick):
        return (site, tick) in self.observed(transaction) or (transaction.board or {}).get(site, 0) >= tick

    # In the end

    def check_ends(self):
        finals = self.history.finals
        if not finals:
            return
        first = next(iter(finals))
        for place, (elements, board) in finals.items():
            if sorted(elements) != sorted(finals[first][0]) or board != finals[first][1]:
                self.found("no convergence", f"{first} and {place} differ")
            there = {(session, number) for _, _, _, session, number in elements}
            ticks = {(site, tick) for _, site, tick, _, _ in elements}
            for transaction in self.history.transactions:
                has = [(transaction.session, number) in there for _, number in transaction.appends]
                if transaction.end == "ok" and not all(has):
                    self.found("lost append", f"{transaction} is not there at {place}")
                elif transaction.end == "unsure" and any(has) and not all(has):
                    self.found("half a transaction", f"{transaction} at {place}")
            # Also of those that nobody was told of: a tick that was given belongs to appends.
            for site, last in board.items():
                gaps = [tick for tick in range(1, last + 1) if (site, tick) not in ticks]
                if gaps:
                    self.found("lost append", f"tick {gaps[0]} of {site} is not there at {place} ({len(gaps)} in all)")


class Line:
    """The transactions of one site in their order, and the vector after each."""

    def __init__(self, site, transactions):
        self.site = site
        # A reader of tick t stands behind the write of t; readers of one tick by when they began.
        self.waiting = sorted(transactions, key=lambda t: (t.tick, not t.writes, t.began), reverse=True)
        self.vectors = {}
        self.last = 0
        # What all up to `last` saw; readers since then, whose order among themselves only their times tell.
        self.common = {}
        self.readers = []

    @property
    def next(self):
        return self.waiting[-1] if self.waiting else None

    def go(self):
        self.waiting.pop()

    def has_passed(self, tick):
        """True when the vector at that tick is known: it, or all there is before it."""
        return self.last >= tick or self.next is None or self.next.tick > tick

    def base(self, transaction):
        vector = dict(self.common)
        is_new = transaction.writes or transaction.tick > self.last
        for reader, seen in self.readers:
            if is_new or (reader.ended is not None and reader.ended < transaction.began):
                join(vector, seen)
        vector[self.site] = max(vector.get(self.site, 0), transaction.tick)
        return vector

    def note(self, transaction, vector):
        if transaction.writes or transaction.tick > self.last:
            for _, seen in self.readers:
                join(self.common, seen)
            self.readers = []
            self.last = transaction.tick
        if transaction.writes:
            join(self.common, vector)
            self.vectors[transaction.tick] = vector
        else:
            self.readers.append((transaction, vector))

    def vector_at(self, tick):
        while tick > 0 and tick not in self.vectors:
            tick -= 1
        return self.vectors.get(tick, {})


def join(vector, other):
    for site, tick in other.items():
        if tick > vector.get(site, 0):
            vector[site] = tick
