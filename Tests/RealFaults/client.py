"""Runs transactions against one site's database without a pause and writes down what came of each (history.py).

    client.py MANNER DATABASE SITE SESSION SEED FOLDER RATE

MANNER is python or shell (writers, by Python's sqlite3 or by one `sqlite3` shell for each transaction), reader (reads
only, slowly, in one transaction), or torn: a reader that opens a new transaction for each list, which the checker
has to notice. Writes FOLDER/SESSION.history; ends when FOLDER/stop is there. RATE is transactions a second, at most.
"""
import json
import os
import random
import sqlite3
import subprocess
import sys
import time

ERA_S = 0.75
LISTS_OF_AN_ERA = 4
BUSY_MS = 60_000


def draw_lists(dice, count, oldest):
    """Lists that others write at this time, or wrote lately: new ones come up all the time, so that they stay short."""
    era = time.monotonic_ns() // int(ERA_S * 1e9)
    back = dice.randint(0, oldest)
    return [(era - back) * LISTS_OF_AN_ERA + place for place in dice.sample(range(LISTS_OF_AN_ERA), count)]


class Failed(Exception):
    """The transaction was rolled back, or its commit not answered."""

    def __init__(self, end):
        self.end = end


class PythonClient:
    """Python's sqlite3. `pause_s` lies between two reads, so that others commit meanwhile."""

    def __init__(self, database, is_torn=False, pause_s=0.0):
        self.connection = sqlite3.connect(database, timeout=BUSY_MS / 1000, isolation_level=None)
        self.is_torn, self.pause_s = is_torn, pause_s

    def run(self, session, site, plan):
        is_writer = any(op[0] == "append" for op in plan)
        at = "fail"
        try:
            if not self.is_torn:
                self.connection.execute("BEGIN IMMEDIATE" if is_writer else "BEGIN")
            done = self.steps(session, site, plan, is_writer)
            at = "unsure"
            if not self.is_torn:
                self.connection.execute("COMMIT")
            return done
        except sqlite3.OperationalError as error:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            # A full disk is found before the commit's last frame is written: SQLite rolls back.
            raise Failed("fail" if "full" in str(error) else at) from error

    def steps(self, session, site, plan, is_writer):
        execute = self.connection.execute
        if is_writer:
            # All rows are fetched: the statement is not over before.
            [(tick,)] = execute("UPDATE board SET tick = tick + 1 WHERE site = ? RETURNING tick", (site,)).fetchall()
        board = dict(execute("SELECT site, tick FROM board"))
        ops = []
        for kind, list_, *number in plan:
            if kind == "append":
                execute("INSERT INTO entry(list, site, tick, session, number) VALUES(?, ?, ?, ?, ?)",
                        (list_, site, tick, session, *number))
                ops.append([kind, list_, *number])
            else:
                time.sleep(self.pause_s)
                rows = execute("SELECT site, tick, session, number FROM entry WHERE list = ?", (list_,)).fetchall()
                ops.append([kind, list_, rows])
        return board, ops


class ShellClient:
    """The stock shell, begun and ended for every transaction."""

    def __init__(self, database):
        self.database = database

    def run(self, session, site, plan):
        text = [".bail on", f".timeout {BUSY_MS}", "BEGIN IMMEDIATE;",
                f"UPDATE board SET tick = tick + 1 WHERE site = '{site}';", "SELECT 'board', site, tick FROM board;"]
        for at, (kind, list_, *number) in enumerate(plan):
            if kind == "append":
                text.append(f"INSERT INTO entry(list, site, tick, session, number) SELECT {list_}, '{site}', tick, "
                            f"'{session}', {number[0]} FROM board WHERE site = '{site}';")
            else:
                text.append(f"SELECT 'read', {at}, site, tick, session, number FROM entry WHERE list = {list_};")
        text += [".print committing", "COMMIT;", ".print committed"]
        answer = subprocess.run(["sqlite3", "-batch", "-init", "/dev/null", self.database], input="\n".join(text),
                                capture_output=True, text=True, check=False)
        if answer.returncode != 0 or not answer.stdout.endswith("committed\n"):
            is_unsure = "committing\n" in answer.stdout and "full" not in answer.stderr
            raise Failed("unsure" if is_unsure else "fail")
        board, ops = {}, [[kind, list_, number[0] if number else []] for kind, list_, *number in plan]
        for line in answer.stdout.splitlines():
            match line.split("|"):
                case ["board", name, tick]:
                    board[name] = int(tick)
                case ["read", at, author, tick, by, number]:
                    ops[int(at)][2].append([author, int(tick), by, int(number)])
        return board, ops


def main():
    manner, database, site, session, seed, folder, rate = sys.argv[1:8]
    dice = random.Random(f"{seed} {session}")
    if manner == "shell":
        client = ShellClient(database)
    else:
        client = PythonClient(database, manner == "torn", {"python": 0.0, "reader": 0.005, "torn": 0.02}[manner])
    stop = os.path.join(folder, "stop")
    number = n = 0
    with open(os.path.join(folder, session + ".history"), "a", encoding="utf-8") as file:

        def note(**line):
            file.write(json.dumps({"session": session, "n": n, "at": time.monotonic_ns(), **line}) + "\n")
            file.flush()

        while not os.path.exists(stop):
            begun = time.monotonic()
            n += 1
            plan = [("read", list_) for list_ in draw_lists(dice, dice.randint(2, 3), dice.choice([0, 0, 1, 8]))]
            if manner in ("python", "shell"):
                for list_ in draw_lists(dice, dice.randint(1, 3), 0):
                    number += 1
                    plan.insert(dice.randint(0, len(plan)), ("append", list_, number))
            note(site=site, appends=[op[1:] for op in plan if op[0] == "append"])
            try:
                board, ops = client.run(session, site, plan)
                note(end="ok", tick=board[site], board=board, ops=ops)
            except Failed as failed:
                note(end=failed.end)
            time.sleep(max(0.0, begun + (0.5 + dice.random()) / float(rate) - time.monotonic()))


if __name__ == "__main__":
    main()
