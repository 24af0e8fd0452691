"""Faults in an order that a seed draws: each kind once, then as they come. Every fault ends; several last at a time,
but a process, a wire or a disk has one at most."""
import heapq
import os
import random
import signal
import time

from fleet import ON_SMALL_DISKS, SITES

WRITERS = ["python", "shell"]


class Faults:
    def __init__(self, fleet, seed, restart_client):
        self.fleet, self.dice, self.restart_client = fleet, random.Random(f"faults {seed}"), restart_client
        self.busy = set()
        self.ends = []
        self.told = {}
        self.kinds = [self.kill_node, self.kill_hub, self.kill_program, self.stop_node, self.stop_hub,
                      self.stop_program, self.silence, self.silence_of_all, self.slow_wire]
        if fleet.is_isolated:
            self.kinds += [self.bad_wire, self.interface_down, self.full_disk_of_a_site, self.full_disk_of_the_hub]
        else:
            self.kinds += [self.cut]
        self.deck = []

    def step(self):
        """Ends what is over and begins one more fault, where its target is free."""
        self.end_what_is_over()
        if not self.deck:
            self.deck = self.dice.sample(self.kinds, len(self.kinds))
        kind = self.deck.pop()
        kind()

    def end_what_is_over(self, all_of_them=False):
        while self.ends and (all_of_them or self.ends[0][0] <= time.monotonic()):
            _, _, targets, act = heapq.heappop(self.ends)
            act()
            self.busy -= targets

    def last(self, kind, targets, low, high, begin, end):
        """Begins a fault of some length, unless something is the matter with a target already."""
        targets = set(targets)
        if targets & self.busy:
            return
        self.told[kind] = self.told.get(kind, 0) + 1
        self.busy |= targets
        begin()
        over = time.monotonic() + self.dice.uniform(low, high)
        heapq.heappush(self.ends, (over, sum(self.told.values()), targets, end))

    # Processes

    def kill(self, name):
        self.last("kill -9", [name], 0, 2, lambda: self.fleet.kill(name), lambda: self.fleet.start(name))

    def kill_node(self):
        self.kill(self.dice.choice(SITES))

    def kill_hub(self):
        self.kill("hub")

    def stop(self, name, seconds):
        child = self.fleet.children[name]
        self.last("SIGSTOP", [name], 0.3, seconds,
                  lambda: child.send(signal.SIGSTOP), lambda: child.send(signal.SIGCONT))

    def stop_node(self):
        self.stop(self.dice.choice(SITES), 4)

    def stop_hub(self):
        self.stop("hub", 4)

    def program(self):
        return f"{self.dice.choice(SITES)} {self.dice.choice(WRITERS)}"

    def kill_program(self):
        name = self.program()
        self.last("kill -9 of a program", [name], 0, 1,
                  lambda: self.fleet.kill(name), lambda: self.restart_client(name))

    def stop_program(self):
        # Perhaps within its transaction: then everything at the site waits for it.
        self.stop(self.program(), 2)

    # Wires

    def wire(self, kind, sites, low, high, **how):
        def each(**what):
            for site in sites:
                self.fleet.set_wire(site, **what)

        self.last(kind, [f"wire of {site}" for site in sites], low, high, lambda: each(**how), each)

    def silence(self):
        self.wire("partition", [self.dice.choice(SITES)], 0.5, 6, silent=True)

    def silence_of_all(self):
        self.wire("partition of all", SITES, 0.5, 3, silent=True)

    def slow_wire(self):
        self.wire("delay", [self.dice.choice(SITES)], 1, 6, delay=self.dice.uniform(0.02, 0.3), jitter=0.02)

    def bad_wire(self):
        self.wire("loss, doubling, reordering", [self.dice.choice(SITES)], 1, 6, loss=self.dice.uniform(0.02, 0.25),
                  double=0.1, overtake=0.2, delay=0.01, jitter=0.03)

    def cut(self):
        self.wire("cut connections", [self.dice.choice(SITES)], 0, 1, cut=True)

    def interface_down(self):
        site = self.dice.choice(SITES)
        self.last("interface down", [f"wire of {site}"], 0.5, 4,
                  lambda: self.fleet.set_interface(site, False), lambda: self.fleet.set_interface(site, True))

    # Disks

    def full_disk(self, name):
        filler = self.fleet.home(name) / "filler"
        # A process that begins on a full disk may say so and end; that is for its supervisor.
        self.last("full disk", [name], 0.5, 4, lambda: fill(filler), lambda: os.unlink(filler))

    def full_disk_of_a_site(self):
        self.full_disk(self.dice.choice([name for name in ON_SMALL_DISKS if name != "hub"]))

    def full_disk_of_the_hub(self):
        self.full_disk("hub")


def fill(path):
    """Writes until not a byte is left."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass
