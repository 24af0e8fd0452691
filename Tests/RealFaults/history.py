"""What programs did at the sites, as they wrote it down: the input of the checker.

The tables are those of `SCHEMA`. A *list* is the rows of `entry` with one number, so that appends made apart all
survive. Every writing transaction counts up its site's row of `board` and appends to one or more lists; each element
names that count, its *tick*. So the ticks of a site are the order of its commits, without a gap, and whoever reads
`board` is told how far it sees of every site.

A client writes a line of JSON before a transaction begins and one when it is over:
  {"session": "snasa-a", "site": "snasa", "n": 7, "at": ns, "appends": [[list, number], …]}
  {"session": "snasa-a", "n": 7, "at": ns, "end": "ok" | "fail" | "unsure", "tick": 41, "board": {"snasa": 41, …},
   "ops": [["append", list, number], ["read", list, [[site, tick, session, number], …]], …]}
"fail" was rolled back; "unsure" means that its commit was not answered, as when there is no second line.
"""
import json

SCHEMA = """
CREATE TABLE board(site TEXT PRIMARY KEY NOT NULL, tick INTEGER NOT NULL);
CREATE TABLE entry(
  id BLOB PRIMARY KEY NOT NULL DEFAULT (randomblob(16)),
  list INTEGER NOT NULL, site TEXT NOT NULL, tick INTEGER NOT NULL, session TEXT NOT NULL, number INTEGER NOT NULL);
CREATE INDEX entry_by_list ON entry(list);
INSERT INTO samband_table(name) VALUES('board'), ('entry');
"""


class Transaction:
    """One transaction of one client. What a `fail` or `unsure` one read is not kept: nobody was told."""

    def __init__(self, session, site, n, began, appends):
        self.session, self.site, self.n, self.began = session, site, n, began
        self.appends = [tuple(append) for append in appends]
        self.ended = None
        self.end = "unsure"
        # The site's order: its own tick when it wrote, else the site's last tick that it saw.
        self.tick = None
        self.board = None
        self.ops = []

    @property
    def writes(self):
        return bool(self.appends)

    def finish(self, line):
        self.end, self.ended = line["end"], line["at"]
        if self.end == "ok":
            self.tick, self.board, self.ops = line["tick"], line.get("board"), line["ops"]

    def reads(self):
        """The lists it read, each with the elements."""
        for op in self.ops:
            if op[0] == "read":
                yield op[1], [tuple(element) for element in op[2]]

    def __str__(self):
        return f"transaction {self.n} of {self.session} at {self.site} (tick {self.tick})"


class History:
    """Transactions, and what stood in each place's database at the end: {place: (elements with list, board)}."""

    def __init__(self, transactions, finals):
        self.transactions = transactions
        self.finals = finals

    @staticmethod
    def transactions_of(lines):
        """The transactions of one client's lines; the last line may be cut, where the client was killed."""
        found = {}
        for text in lines:
            try:
                line = json.loads(text)
            except ValueError:
                break
            if "end" in line:
                found[line["n"]].finish(line)
            else:
                found[line["n"]] = Transaction(line["session"], line["site"], line["n"], line["at"], line["appends"])
        return list(found.values())
