"""A hub and its sites as real processes, each site behind a wire of its own; what they are started from and asked for.

Within namespaces of our own (Tests/real-faults) every site has its own network, and two databases lie on small disks.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SITES = ["snasa", "verran", "inderoy", "mosvik"]
ON_SMALL_DISKS = ["hub", "snasa"]


class Broken(Exception):
    """A promise does not hold, or the fleet does not do what it should."""


class Child:
    """A process that we started. Whether it was ended by us is known: everything else must go on."""

    def __init__(self, name, words, log, network=None, **options):
        self.name, self.log = name, log
        if network is not None:
            words = ["nsenter", f"--net=/proc/{network}/ns/net", *words]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SAMBAND_")}
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(words, stderr=errors, env=environment, **options)
        self.is_ended = False

    def send(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.is_ended = True
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def must_run(self):
        if not self.is_ended and self.process.poll() is not None:
            raise Broken(f"{self.name} ended by itself with {self.process.returncode}:\n{self.tail()}")

    def tail(self):
        return "\n".join(pathlib.Path(self.log).read_text(errors="replace").splitlines()[-20:])


class Fleet:
    def __init__(self, samband, folder, is_isolated, disk_mib):
        self.samband, self.folder, self.is_isolated = samband, pathlib.Path(folder), is_isolated
        # The wires are networks of this machine only.
        self.open_line = ["--insecure-http"] if is_isolated else []
        self.children = {}
        self.networks = {}
        self.wire = None
        self.starts = 0
        for name in ["hub", *SITES]:
            self.home(name).mkdir()
            if is_isolated and name in ON_SMALL_DISKS:
                subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk_mib}m", "none", self.home(name)], check=True)

    @property
    def places(self):
        return ["hub", *SITES]

    def home(self, name):
        return self.folder / name

    def database(self, name):
        return str(self.home(name) / f"{name}.db")

    def spawn(self, name, words, **options):
        self.children[name] = child = Child(name, words, self.folder / f"{name}.log", **options)
        return child

    # Beginning

    def begin(self, schema):
        file = self.folder / "schema.sql"
        file.write_text(schema, encoding="utf-8")
        self.tool("hub", "init", "--db", self.database("hub"), "--fleet", "Inn-Trøndelag", "--schema", str(file))
        addresses = self.begin_tunnels() if self.is_isolated else self.begin_proxy()
        for site in SITES:
            token = self.home(site) / "token"
            token.write_text(self.tool("site", "add", site, "--db", self.database("hub")))
            self.tool("node", "join", "--db", self.database(site), "--hub", addresses[site],
                      "--token-file", str(token), *self.open_line, network=self.networks.get(site))
            self.start(site)

    def begin_tunnels(self):
        for site in SITES:
            holder = self.spawn(f"network of {site}", ["unshare", "--net", "sleep", "infinity"])
            self.networks[site] = holder.process.pid
        ours = os.readlink("/proc/self/ns/net")
        self.until("every site has a network", lambda: all(
            os.readlink(f"/proc/{process}/ns/net") != ours for process in self.networks.values()))
        self.begin_wire("tunnel", *[f"{site}={process}" for site, process in self.networks.items()])
        self.listening = "10.77.0.1:7420"
        self.start("hub")
        return {site: f"http://{self.listening}" for site in SITES}

    def begin_proxy(self):
        self.listening = "127.0.0.1:0"
        self.start("hub")
        log = (self.folder / "hub.log").read_text()
        self.listening = log.split("http://")[1].split()[0]
        ports = json.loads(self.begin_wire("proxy", self.listening.split(":")[1], *SITES))
        return {site: f"http://127.0.0.1:{port}" for site, port in ports.items()}

    def begin_wire(self, *words):
        self.wire = self.spawn("wire", [sys.executable, str(HERE / "wire.py"), *words],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.wire.process.stdout.readline()
        if not line:
            raise Broken(f"the wires were not made:\n{self.wire.tail()}")
        return line

    def set_wire(self, site, **how):
        self.wire.process.stdin.write(json.dumps({"site": site, **how}) + "\n")
        self.wire.process.stdin.flush()

    def set_interface(self, site, is_up):
        """Takes the site's network device down, or up with the route that went with it."""
        inside = ["nsenter", f"--net=/proc/{self.networks[site]}/ns/net", "ip"]
        device = f"site{SITES.index(site) + 1}"
        subprocess.run([*inside, "link", "set", device, "up" if is_up else "down"], check=True)
        if is_up:
            subprocess.run([*inside, "route", "add", "10.77.0.1", "dev", device], check=True)

    # Processes

    def start(self, name):
        """Starts the process of the hub or a site. It has until the end of the run to be ready."""
        self.starts += 1
        words = ["hub", "serve", "--listen", self.listening, *self.open_line] if name == "hub" else ["node", "serve"]
        self.spawn(name, [self.samband, *words, "--db", self.database(name)], network=self.networks.get(name))
        if name == "hub":
            said = (self.folder / "hub.log").read_text().count(" serving ") if self.starts > 1 else 0
            self.until("the hub serves", lambda: (self.folder / "hub.log").read_text().count(" serving ") > said)

    def kill(self, name):
        self.children[name].kill()

    def watch(self):
        """Nothing ends that was not ended by us."""
        for child in self.children.values():
            child.must_run()

    def until(self, what, condition, seconds=240):
        deadline = time.monotonic() + seconds
        while not condition():
            self.watch()
            if time.monotonic() > deadline:
                raise Broken(f"waited {seconds} s in vain until {what}")
            time.sleep(0.05)

    # Questions

    def tool(self, *words, network=None):
        prefix = ["nsenter", f"--net=/proc/{network}/ns/net"] if network else []
        answer = subprocess.run(
            [*prefix, self.samband, *words], capture_output=True, text=True, timeout=240, check=False)
        if answer.returncode != 0:
            raise Broken(f"samband {' '.join(words)} ended with {answer.returncode}: {answer.stderr}")
        return answer.stdout

    def ask(self, name, *words):
        return json.loads(self.tool(*words, "--json", "--db", self.database(name)))

    def shell(self, name, sql):
        answer = subprocess.run(["sqlite3", "-batch", "-init", "/dev/null", "-bail", self.database(name)],
                                input=f".timeout 120000\n{sql};\n", capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise Broken(f"sqlite3 {name}.db: {answer.stderr}")
        return answer.stdout

    def have_met(self):
        hub = self.ask("hub", "status")
        for site in SITES:
            status = self.ask(site, "status")
            if status["pending"] or status["in_flight"] or status["vector"] != hub["vector"] or status["link"] != "up":
                return False
        return True

    def end(self):
        for child in self.children.values():
            if child.process.poll() is None:
                child.kill()
