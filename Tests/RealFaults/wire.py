"""The wires between the hub and the sites, which lose, double, delay and overtake packets as they are told to.

    wire.py tunnel SITE=PID …     a site's processes are in the network namespace of process PID
    wire.py proxy PORT SITE …     the hub listens on PORT of loopback; prints a port for each site

A tunnel carries IP packets between two network devices, so that TCP itself meets what happens to them. Where that is
not allowed a proxy carries bytes of TCP connections: delay, silence and cut connections only. Prints a line when it is
ready, then takes one line of JSON for each change: {"site": "snasa", "loss": 0.1, "double": 0.02, "overtake": 0.1,
"delay": 0.05, "jitter": 0.02, "silent": true, "cut": true}; what a line does not name is as on a good wire.
"""
import collections
import fcntl
import heapq
import json
import os
import random
import selectors
import socket
import struct
import subprocess
import sys
import time

HUB_ADDRESS = "10.77.0.1"


class Wire:
    """How one site's wire is at present."""

    def __init__(self):
        self.become({})

    def become(self, line):
        self.loss, self.double = line.get("loss", 0), line.get("double", 0)
        self.overtake, self.delay, self.jitter = line.get("overtake", 0), line.get("delay", 0), line.get("jitter", 0)
        self.is_silent = line.get("silent", False)


class Loop:
    """What comes in on a file goes out on another when its time has come."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.waiting = []
        self.count = 0
        self.wires = {}
        self.begun = b""
        self.selector.register(sys.stdin, selectors.EVENT_READ, self.on_command)

    def later(self, due, act):
        self.count += 1
        heapq.heappush(self.waiting, (due, self.count, act))

    def run(self):
        while True:
            wait = None if not self.waiting else max(0.0, self.waiting[0][0] - time.monotonic())
            for key, _ in self.selector.select(wait):
                key.data()
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                heapq.heappop(self.waiting)[2]()

    def on_command(self):
        piece = os.read(0, 65536)
        if not piece:
            sys.exit(0)
        *lines, self.begun = (self.begun + piece).split(b"\n")
        for line in lines:
            self.on_change(json.loads(line))

    def on_change(self, line):
        self.wires[line["site"]].become(line)


class Tunnels(Loop):
    SET_INTERFACE = 0x400454CA
    TUN_WITHOUT_HEADER = 0x1001

    def add(self, number, site, process):
        self.wires[site] = wire = Wire()
        here, there = f"hub{number}", f"site{number}"
        ends = [self.open(here), self.open(there)]
        run("ip", "addr", "add", f"10.77.{number}.1", "peer", f"10.77.{number}.2", "dev", here)
        run("ip", "link", "set", here, "up")
        run("ip", "link", "set", there, "netns", process)
        inside = ["nsenter", f"--net=/proc/{process}/ns/net"]
        run(*inside, "ip", "addr", "add", f"10.77.{number}.2", "peer", f"10.77.{number}.1", "dev", there)
        run(*inside, "ip", "link", "set", "lo", "up")
        run(*inside, "ip", "link", "set", there, "up")
        run(*inside, "ip", "route", "add", HUB_ADDRESS, "dev", there)
        for come, go in (ends, ends[::-1]):
            self.selector.register(come, selectors.EVENT_READ, lambda come=come, go=go: self.carry(wire, come, go))

    def open(self, name):
        file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(file, self.SET_INTERFACE, struct.pack("16sH22x", name.encode(), self.TUN_WITHOUT_HEADER))
        return file

    def carry(self, wire, come, go):
        try:
            packet = os.read(come, 65536)
        except OSError:  # the device is down
            return
        if wire.is_silent or random.random() < wire.loss:
            return
        for _ in range(2 if random.random() < wire.double else 1):
            delay = wire.delay + random.random() * wire.jitter
            if delay == 0 or random.random() < wire.overtake:
                self.put(go, packet)
            else:
                self.later(time.monotonic() + delay, lambda: self.put(go, packet))

    @staticmethod
    def put(go, packet):
        try:
            os.write(go, packet)
        except OSError:  # down, or its queue is full: a packet lost
            pass


class Proxy(Loop):
    """Connections of sites are carried on to the hub; bytes keep their order."""

    def __init__(self, hub_port):
        super().__init__()
        self.hub_port = hub_port
        self.pairs = collections.defaultdict(list)

    def add(self, site):
        self.wires[site] = Wire()
        listener = socket.create_server(("127.0.0.1", 0))
        self.selector.register(listener, selectors.EVENT_READ, lambda: self.on_connection(site, listener))
        return listener.getsockname()[1]

    def on_connection(self, site, listener):
        client, _ = listener.accept()
        try:
            hub = socket.create_connection(("127.0.0.1", self.hub_port))
        except OSError:
            client.close()
            return
        pair = (client, hub)
        self.pairs[site].append(pair)
        for come, go in (pair, pair[::-1]):
            come.settimeout(5)
            self.selector.register(
                come, selectors.EVENT_READ, lambda come=come, go=go: self.carry(site, pair, come, go))

    def carry(self, site, pair, come, go):
        wire = self.wires[site]
        try:
            piece = come.recv(65536)
        except OSError:
            piece = b""
        if not piece or wire.is_silent:
            self.selector.unregister(come)
        # Bytes that the silence has swallowed must not be followed by others: the connection is lost then.
        if wire.is_silent:
            self.later(time.monotonic() + 2, lambda: self.end(site, pair))
            return
        due = time.monotonic() + wire.delay + wire.jitter
        self.later(due, (lambda: self.put(site, pair, go, piece)) if piece else (lambda: self.end(site, pair)))

    def put(self, site, pair, go, piece):
        try:
            go.sendall(piece)
        except OSError:
            self.end(site, pair)

    def end(self, site, pair):
        if pair in self.pairs[site]:
            self.pairs[site].remove(pair)
            for end in pair:
                if end.fileno() in self.selector.get_map():
                    self.selector.unregister(end)
                end.close()

    def on_change(self, line):
        super().on_change(line)
        if line.get("cut"):
            for pair in list(self.pairs[line["site"]]):
                self.end(line["site"], pair)


def run(*words):
    subprocess.run(words, check=True)


def main():
    manner, *words = sys.argv[1:]
    if manner == "tunnel":
        loop = Tunnels()
        run("ip", "link", "set", "lo", "up")
        run("ip", "addr", "add", f"{HUB_ADDRESS}/32", "dev", "lo")
        for number, word in enumerate(words, 1):
            loop.add(number, *word.split("="))
        print("ready", flush=True)
    else:
        loop = Proxy(int(words[0]))
        print(json.dumps({site: loop.add(site) for site in words[1:]}), flush=True)
    loop.run()


if __name__ == "__main__":
    main()
