"""A fleet of real processes under load and faults, then the reckoning; see Tests/real-faults --help."""
import argparse
import collections
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from checker import Checker
from faults import Faults
from fleet import HERE, SITES, Broken, Fleet
from history import SCHEMA, History
import ledger

TRAFFIC = HERE.parent / "EndToEnd" / "Scripts" / "traffic.py"
SCHEMAS = HERE.parent / "EndToEnd" / "Kit" / "Schemas.swift"


def traffic_schema():
    """The tables of traffic.py, from where the tests in Swift have them."""
    return re.search(r'static let traffic = """\n(.*?)"""', SCHEMAS.read_text(encoding="utf-8"), re.DOTALL)[1]


class Run:
    def __init__(self, options, folder):
        self.options = options
        self.fleet = Fleet(os.path.realpath(options.samband), folder, options.isolated, 64 + 2 * options.seconds)
        self.generations = collections.Counter()
        self.is_ready = False

    def start_client(self, name):
        """A program of a site, by the name `SITE MANNER`; each start is a session of its own."""
        site, manner = name.split()
        self.generations[name] += 1
        session = f"{site}-{manner}{self.generations[name]}"
        rate = {"python": 16, "shell": 5, "reader": 12, "torn": 5}[manner]
        self.fleet.spawn(name, [sys.executable, str(HERE / "client.py"), manner, self.fleet.database(site), site,
                                session, str(self.options.seed), str(self.fleet.folder), str(rate)])

    def start_programs(self):
        for site in SITES:
            self.fleet.shell(site, f"INSERT INTO board VALUES('{site}', 0)")
        self.fleet.until("the sites have met", self.fleet.have_met)
        for site in SITES:
            for manner in ("python", "shell", "reader"):
                self.start_client(f"{site} {manner}")
            with open(self.fleet.folder / f"{site}.traffic", "wb") as output:
                self.fleet.spawn(
                    f"{site} traffic",
                    [sys.executable, str(TRAFFIC), self.fleet.database(site), site, f"{site}-t",
                     str(self.options.seed), self.stop_file, "0.12"],
                    stdout=output)
        self.start_client("mosvik torn")

    @property
    def stop_file(self):
        return str(self.fleet.folder / "stop")

    def disturb(self):
        """Load and faults, for as long as was asked."""
        faults = Faults(self.fleet, self.options.seed, self.start_client)
        dice = random.Random(f"pauses {self.options.seed}")
        began = time.monotonic()
        while time.monotonic() < began + self.options.seconds:
            faults.step()
            pause = time.monotonic() + dice.uniform(0.2, 1.5)
            while time.monotonic() < pause:
                self.fleet.watch()
                faults.end_what_is_over()
                time.sleep(0.02)
        self.lasted = time.monotonic() - began
        faults.end_what_is_over(all_of_them=True)
        for kind, count in sorted(faults.told.items()):
            print(f"  {count:3d} × {kind}")

    def stop_programs(self):
        pathlib.Path(self.stop_file).touch()
        programs = [child for name, child in self.fleet.children.items() if name.split()[-1] in
                    ("python", "shell", "reader", "torn", "traffic")]
        for child in programs:
            if not child.is_ended and child.process.wait(timeout=240) != 0:
                raise Broken(f"{child.name} ended with {child.process.returncode}:\n{child.tail()}")
            child.is_ended = True

    def meet(self):
        began = time.monotonic()
        self.fleet.until("all have met after the faults", self.fleet.have_met, seconds=600)
        print(f"all met {time.monotonic() - began:.1f} s after the last fault")

    # The reckoning

    def compare(self):
        names = self.fleet.places
        compare = HERE.parent.parent / "Deploy" / "compare-databases"
        compared = subprocess.run(
            [str(compare), *map(self.fleet.database, names)], capture_output=True, text=True, check=False)
        if compared.returncode != 0:
            raise Broken(f"the databases differ:\n{compared.stdout}{compared.stderr}")
        for words in (["conflict", "list", "--all"], ["withheld", "list"]):
            answers = [self.fleet.ask(name, *words) for name in names]
            for name, answer in zip(names, answers):
                if answer != answers[0]:
                    raise Broken(f"{' '.join(words)}: {name} differs from the hub")
            print(f"{' '.join(words)}: {len(answers[0])}, alike everywhere")
        for name in names:
            sound = self.fleet.shell(name, "PRAGMA integrity_check; PRAGMA foreign_key_check")
            if sound != "ok\n":
                raise Broken(f"{name}: {sound}")

    def account(self):
        logs = [self.fleet.folder / f"{site}.traffic" for site in SITES]
        lost, count = ledger.lost(self.fleet, logs)
        if lost:
            raise Broken("acknowledged writes are nowhere:\n  " + "\n  ".join(lost[:20]))
        print(f"every write of {count} acknowledged transactions of updates and deletes is accounted for")

    def histories(self):
        """The history of all programs but the torn reader's, and that one's transactions."""
        finals = {}
        for name in self.fleet.places:
            rows = self.fleet.shell(name, "SELECT list, site, tick, session, number FROM entry").splitlines()
            board = self.fleet.shell(name, "SELECT site, tick FROM board").splitlines()
            finals[name] = (
                [(int(a), b, int(c), d, int(e)) for a, b, c, d, e in (row.split("|") for row in rows)],
                {site: int(tick) for site, tick in (row.split("|") for row in board)})
        found, torn = [], []
        for file in sorted(self.fleet.folder.glob("*.history")):
            with open(file, encoding="utf-8") as lines:
                (torn if "-torn" in file.name else found).extend(History.transactions_of(lines))
        return History(found, finals), torn

    def judge(self):
        history, torn = self.histories()
        checker = Checker(history)
        anomalies = checker.check()
        ends = collections.Counter((t.end, "write" if t.writes else "read") for t in history.transactions)
        print("list-append transactions: " + ", ".join(
            f"{count} {end} {what}" for (end, what), count in sorted(ends.items())))
        print("seen by readers: " + ", ".join(f"{count} {what}" for what, count in checker.witnessed.items()))
        if anomalies:
            raise Broken(f"{len(anomalies)} anomalies:\n  " + "\n  ".join(map(str, anomalies[:20])))
        self.judge_load(history, checker)
        self.judge_checker(history, torn)

    def judge_load(self, history, checker):
        acknowledged = sum(t.end == "ok" for t in history.transactions)
        rate = acknowledged / self.lasted
        print(f"{rate:.0f} acknowledged list-append transactions a second, for {self.lasted:.0f} s under faults")
        if acknowledged < self.options.floor:
            raise Broken(f"{acknowledged} are too few to prove anything: at least {self.options.floor}")
        if checker.witnessed["whole remote transactions"] < self.options.floor / 20:
            raise Broken("too few readers saw transactions of other sites to prove anything")

    def judge_checker(self, history, torn):
        """The torn reader has to be found out; else nothing above proves anything."""
        kinds = collections.Counter(a.kind for a in Checker(History(history.transactions + torn, {})).check())
        print("planted, a reader that opens in between: "
              + ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
        if not kinds["fractured read"]:
            raise Broken("the checker did not notice a reader that opens a transaction for each list")

    def all(self):
        print("faults " + ("in namespaces of our own" if self.options.isolated else
                           "through a proxy: no packets lost, no disk filled") + f", seed {self.options.seed}")
        self.fleet.begin(traffic_schema() + SCHEMA)
        self.start_programs()
        self.disturb()
        self.stop_programs()
        self.meet()
        self.compare()
        self.account()
        self.judge()
        self.fleet.watch()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--samband", required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--floor", type=int, required=True)
    parser.add_argument("--isolated", action="store_true")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix="samband-faults.")
    run = Run(options, folder)
    try:
        run.all()
    except (Broken, subprocess.SubprocessError) as error:
        run.fleet.end()
        kept = f"{folder}.kept"
        shutil.copytree(folder, kept, ignore=shutil.ignore_patterns("*.sock"))
        print(f"\nerror: {error}\nhint: databases, logs and histories are in {kept}; Tests/real-faults --seed "
              f"{options.seed} draws the same faults", file=sys.stderr)
        return 1
    finally:
        run.fleet.end()
        for name in os.listdir(folder):
            subprocess.run(["umount", "-q", os.path.join(folder, name)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
