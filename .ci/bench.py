#!/usr/bin/env python3
"""What everything costs, beside what one would write by hand: one table with goal, floor, measured and ratio.

    .ci/bench.py --quick     the counts of instructions, in less than a minute once built; 1 at the end when a gate is not kept
    .ci/bench.py             all of it: memory, processor time, latencies, a million sessions; some minutes

Instructions are callgrind's, in user space, of one process: (count at N2 - count at N1) / (N2 - N1). They repeat within a tenth
of a percent. Wall and processor times are only told as ratios of what ran in turn on the same machine.
"""

import argparse
import json
import math
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import bench_plot

# So many seconds may one part take.
PATIENCE = 900
# How many entries the server's journal keeps.
JOURNAL = 10_000
# How many events come at once: fewer than may wait for a subscriber.
BURST = 500
# What every server here is opened with.
KEY = "sk_bench_0123456789abcdef"
# What answers a request, in the server.
REQUEST = "front::Front as tower_service::Service"
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def built(package, *arguments):
    """The benchmark program of a package, built."""
    command = ["cargo", "bench", "--locked", "--no-run", "--message-format=json", "-p", package, "--bench", "costs", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message["target"]["name"] == "costs" and message.get("executable"):
            return message["executable"]
    sys.exit(f"{package} has no benchmark program")


class Server:
    """A part that says where it is and runs until its input ends, counted by callgrind or not."""

    def __init__(self, program, *arguments, counted=False):
        self.folder = tempfile.TemporaryDirectory()
        command = [program, *map(str, arguments)]
        self.dumps = 0
        if counted:
            # What it does before it is asked to count goes faster then.
            command = callgrind(self.folder.name) + ["--instr-atstart=no"] + command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            sys.exit(f"{command} did not start:\n{self.process.stderr.read()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()
        self.folder.cleanup()

    def processor_time(self):
        """Seconds, in the program and in the system."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def status(self, field):
        """A figure of /proc, in KiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            return int(re.search(rf"^{field}:\s+(\d+) kB", file.read(), re.M).group(1))

    def publish(self, events):
        self.process.stdin.write(f"{events}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "published\n"

    def begin_counting(self):
        self.control("--instr=on")

    def count(self, function=None):
        """Instructions since it was last asked, of one function with all it calls, or of all."""
        self.control("--dump")
        self.dumps += 1
        dump = os.path.join(self.folder.name, f"out.{self.dumps}")
        if not function:
            return counted(dump)
        command = ["callgrind_annotate", "--inclusive=yes", "--threshold=100", dump]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return max(int(line.split()[0].replace(",", "")) for line in text.splitlines() if function in line)

    def control(self, order):
        subprocess.run(["callgrind_control", order, str(self.process.pid)], check=True, capture_output=True)


def callgrind(folder):
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]


def counted(dump):
    with open(dump, encoding="utf-8") as file:
        return int(re.search(r"^(?:summary|totals): (\d+)", file.read(), re.M).group(1))


def run(program, *arguments):
    subprocess.run([program, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)


def of_client(program, part, url, least, most):
    """Instructions of a client for each turn."""

    def count(turns):
        with tempfile.TemporaryDirectory() as folder:
            command = callgrind(folder) + [program, part, url, str(turns)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
            if done.returncode != 0:
                sys.exit(f"{part} ended with {done.returncode}:\n{done.stderr}")
            return counted(os.path.join(folder, "out"))

    return (count(most) - count(least)) / (most - least)


def of_server(program, server, call, least, most, prepare=lambda it: None, function=None):
    """Instructions of a server for each call of another process."""
    with Server(program, *server, counted=True) as it:
        prepare(it)
        it.begin_counting()
        counts = []
        for turns in (least, most):
            run(program, call[0], it.url, *call[1:], turns)
            counts.append(it.count(function))
        return (counts[1] - counts[0]) / (most - least)


class Table:
    """Rows with a goal, which is met or not, and a bound, which is kept or this ends with 1: where a goal is not met, the bound is
    what was reached."""

    def __init__(self):
        self.rows = []
        self.is_kept = True

    def row(self, what, goal, floor, measured, ratio, is_met, is_kept, unit):
        verdict = "" if is_met else "not met"
        self.rows.append((what, goal, floor, measured, ratio, verdict if is_kept else "WORSE THAN IT WAS", unit))
        self.is_kept &= is_kept
        print(".", end="", file=sys.stderr, flush=True)

    def ratio(self, what, floor, measured, goal, bound=None, unit="instructions"):
        """At most so many times the floor."""
        ratio = measured / floor
        self.row(what, f"<= {goal:g} x", floor, measured, ratio, ratio <= goal, ratio <= (bound or math.inf), unit)

    def more(self, what, floor, measured, goal, bound, unit="instructions"):
        """At most so much more than the floor."""
        more = measured - floor
        self.row(what, f"<= floor + {goal:,}", floor, measured, measured / floor, more <= goal, more <= bound, unit)

    def times(self, what, floor, measured, goal, bound=0, unit="instructions"):
        """So many times less than the floor."""
        times = floor / measured
        self.row(what, f">= {goal:g} x less", floor, measured, times, times >= goal, times >= bound, unit)

    def most(self, what, measured, goal, bound=None, floor=None, unit="instructions"):
        ratio = measured / goal
        self.row(what, f"<= {goal:,}", floor, measured, ratio, measured <= goal, measured <= (bound or math.inf), unit)

    def show(self):
        def figure(value):
            if value is None:
                return ""
            return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"

        cells = [("what", "goal", "floor", "measured", "ratio", "", "unit")]
        for what, goal, floor, measured, ratio, verdict, unit in self.rows:
            cells.append((what, goal, figure(floor), figure(measured), f"{ratio:.2f}", verdict, unit))
        widths = [max(len(row[n]) for row in cells) for n in range(7)]
        print(file=sys.stderr)
        for what, goal, floor, measured, ratio, verdict, unit in cells:
            figures = zip((goal, floor, measured, ratio), widths[1:5])
            texts = [what.ljust(widths[0])] + [text.rjust(width) for text, width in figures]
            print("  ".join(texts + [unit.ljust(widths[6]), verdict]).rstrip())
        return self.is_kept


def client_rows(table, program):
    with Server(program, "serve") as peer:
        hand = of_client(program, "list-reqwest", peer.url, 20, 120)
        table.ratio("SDK: a list of 20", hand, of_client(program, "list-sdk", peer.url, 20, 120), 0.95, 0.95)
        bare = of_client(program, "raw-reqwest", peer.url, 50, 350)
        layer = of_client(program, "raw-sdk", peer.url, 50, 350)
        table.more("SDK: a call, body ignored", bare, layer, 5000, 5000)
        tagged = of_client(program, "socket-tagged", peer.url, 500, 3500)
        table.ratio("SDK: a frame to an event", tagged, of_client(program, "socket-sdk", peer.url, 500, 3500), 0.75, 2.1)


def server_rows(table, program):
    hand = of_server(program, ["serve-json", 20], ["get", "/sessions"], 50, 350, lambda it: it.publish(1))
    listed = of_server(program, ["serve", 20, 0, 0], ["get", "/sessions"], 50, 350, lambda it: it.publish(JOURNAL))
    table.times("server: a list of 20, against Json", hand, listed, 6, 2.5)
    table.most("server: a list of 20", listed, 25_000, 60_000)
    held_rows(table, program, 20_000, 1.02)


def held_rows(table, program, sessions, bound=None):
    """What there is to be found costs the same, however much is held beside it."""
    few, many = (one_held(program, count) for count in (1000, sessions))
    table.ratio(f"server: one of {sessions:,}, against of 1,000", few, many, 1.02, bound)
    page = ["get", "/sessions?limit=100"]
    few, many = (held(program, count, page, 50, 350) for count in (1000, sessions))
    table.ratio(f"server: a page of 100 of {sessions:,}, against of 1,000", few, many, 1.02, bound)


def one_held(program, sessions):
    """Instructions of one session by its id, any of them."""
    return held(program, sessions, ["get-any", sessions], 100, 1100)


def held(program, sessions, call, least, most):
    """Instructions of a call when so many sessions are held, each was told once, and the journal is full."""

    def prepare(it):
        it.publish(JOURNAL)
        run(program, "get", it.url, "/sessions", 1)

    return of_server(program, ["serve", sessions, 0, 0], call, least, most, prepare)


def cli_rows(table, binary):
    with tempfile.TemporaryDirectory() as folder:
        ready = os.path.join(folder, "url")
        env = {
            "PATH": os.environ["PATH"],
            "POCKETPING_CONFIG_DIR": folder,
            "POCKETPING_STATE_DIR": folder,
            "POCKETPING_API_KEY": "bench_key",
        }

        def instructions(*arguments):
            done = subprocess.run(callgrind(folder) + [binary, *arguments], env=env, capture_output=True, text=True, timeout=PATIENCE)
            if done.returncode != 0:
                sys.exit(f"pocketping {arguments} ended with {done.returncode}:\n{done.stderr}")
            return counted(os.path.join(folder, "out"))

        serve = [binary, "mock", "--port", "0", "--seed", "demo", "--ready-file", ready]
        server = subprocess.Popen(serve, env=env, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 30
            while not os.path.exists(ready):
                if server.poll() is not None or time.monotonic() > deadline:
                    sys.exit("pocketping mock does not start")
                time.sleep(0.01)
            with open(ready, encoding="utf-8") as file:
                env["POCKETPING_API_URL"] = file.read().strip()
            table.most("CLI: pocketping --version", instructions("--version"), 1_000_000, 1_000_000)
            table.most("CLI: pocketping sessions list", instructions("sessions", "list"), 1_500_000, 1_500_000)
        finally:
            server.terminate()
            server.wait()
    table.most("CLI: the binary, stripped", os.path.getsize(binary), 8 << 20, 8 << 20, unit="bytes")


def memory_row(table, program):
    def resident(sessions):
        with Server(program, "serve", sessions, 3, 0) as it:
            return it.status("VmRSS")

    least, most = 50_000, 150_000
    per_session = (resident(most) - resident(least)) * 1024 / (most - least)
    table.most("server: a session with 3 messages, in memory", per_session, 2048, unit="bytes")


def million_rows(table, program):
    held_rows(table, program, 1_000_000)


class Subscribers(Server):
    """So many sockets in a process of their own."""

    def __init__(self, program, url, count):
        super().__init__(program, "subscribe", url, count)

    def are_told(self, server, events):
        self.process.stdin.write(f"{events}\n")
        self.process.stdin.flush()
        server.publish(events)
        assert self.process.stdout.readline() == "told\n"


def fan_out(program, server, count, bursts):
    """Microseconds of the server's processor time for each event that a subscriber is told, when events come in bursts."""
    with Server(program, *server) as it, Subscribers(program, it.url, count) as subscribers:
        subscribers.are_told(it, BURST)
        figures = []
        for _ in range(bursts):
            before = it.processor_time()
            subscribers.are_told(it, BURST)
            figures.append((it.processor_time() - before) * 1e6 / (BURST * count))
        return statistics.median(figures)


def fan_out_rows(table, program):
    for count in (1000, 10_000):
        each, recorded, ours = (
            fan_out(program, server, count, 5)
            for server in (["serve-socket"], ["serve", 1, 0, 0], ["serve-unrecorded"])
        )
        table.times(f"server: an event to each of {count:,} sockets", each, ours, 8, unit="us of processor")
        table.times("server: the same, with each frame in the journal", each, recorded, 8, unit="us of processor")


def idle_rows(table, program, count=5000):
    for what, server in (("", ["serve-unrecorded"]), (", its entries in the journal with it", ["serve", 1, 0, 0])):
        with Server(program, *server) as it:
            before = it.status("VmRSS")
            with Subscribers(program, it.url, count):
                resident = (it.status("VmRSS") - before) * 1024 / count
        table.most(f"server: an idle socket{what}", resident, 8192, unit="bytes")


def python_row(table, program):
    environment = os.path.join(ROOT, "target", "bench-python")
    python = os.path.join(environment, "bin", "python")
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    packages = ["pocketping[fastapi]==1.12.0", "uvicorn[standard]==0.54.0"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
    cores = sorted(os.sched_getaffinity(0))
    servers = [[python, os.path.join(ROOT, ".ci", "bench_server.py")], [program, "serve", 0, 0, 0]]
    figures = ([], [])
    for _ in range(5):
        for server, of in zip(servers, figures):
            with Server(*server) as it:
                os.sched_setaffinity(it.process.pid, cores[:1])
                before = it.processor_time()
                pinned = ["taskset", "-c", str(cores[-1]), program, "converse", it.url, "300"]
                subprocess.run(pinned, check=True, timeout=PATIENCE)
                of.append((it.processor_time() - before) * 1e6 / (300 * 11))
                it.process.terminate()
    theirs, ours = map(statistics.median, figures)
    table.times("server: a call of a visitor, against Python", theirs, ours, 10, unit="us of processor")


def of_post(program, webhooks):
    """Instructions of a message, of the request alone: deliveries come after it."""
    return of_server(program, ["serve", 1, 0, webhooks], ["post"], 50, 250, function=REQUEST)


def webhooks_row(table, program):
    none, hundred = of_post(program, 0), of_post(program, 100)
    table.ratio("server: a message, with 100 webhooks against none", none, hundred, 1.05)


def latency_row(table, program):
    def slowest(it, is_listing):
        listing = subprocess.Popen([program, "get", it.url, "/sessions", "1"]) if is_listing else None
        done = subprocess.run([program, "post-paced", it.url, "5000", "1000"], stdout=subprocess.PIPE, text=True, check=True)
        if listing:
            assert listing.wait(PATIENCE) == 0
        return int(done.stdout.split()[1]) / 1000

    with Server(program, "serve", 1_000_000, 0, 0) as it:
        alone = slowest(it, False)
        beside = slowest(it, True)
    table.most("server: p99 of a write beside a list of 1,000,000", beside, 10, floor=alone, unit="ms")


class Receiver(Server):
    """What is forwarded to, which says when so many have come."""

    def has_received(self, events):
        self.process.stdin.write(f"{events}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "received\n"


def forwarded(server, command, bursts=7):
    """How many events a second a program forwards, of bursts of one session."""
    with Server(server, "serve", 1, 0, 0) as it, Receiver(server, "receive") as receiver, tempfile.TemporaryDirectory() as folder:
        ready = os.path.join(folder, "ready")
        env = os.environ | {"POCKETPING_API_URL": it.url, "POCKETPING_API_KEY": KEY, "POCKETPING_CONFIG_DIR": folder}
        env["POCKETPING_STATE_DIR"] = folder
        command = [part.format(url=it.url, target=receiver.url + "/hook", ready=ready) for part in command]
        has_file = "--ready-file" in command
        stdout = subprocess.DEVNULL if has_file else subprocess.PIPE
        forwarder = subprocess.Popen(command, env=env, stdout=stdout, stderr=subprocess.DEVNULL, text=True)
        try:
            if has_file:
                while not os.path.exists(ready):
                    time.sleep(0.01)
            else:
                assert forwarder.stdout.readline() == "ready\n"
            figures = []
            for _ in range(bursts):
                began = time.monotonic()
                it.publish(BURST)
                receiver.has_received(BURST)
                figures.append(BURST / (time.monotonic() - began))
            return statistics.median(figures)
        finally:
            forwarder.terminate()
            forwarder.wait()


def listen_row(table, programs):
    sdk, server, binary = programs
    bare = forwarded(server, [sdk, "forward", "{url}", "{target}"])
    listen = forwarded(server, [binary, "listen", "--forward-to", "{target}", "--ready-file", "{ready}"])
    ratio = listen / bare
    table.row("CLI: what `listen` forwards", ">= 0.8 x", bare, listen, ratio, ratio >= 0.8, True, "events/s")


def plotted(program):
    """What is asked for costs about the same, however much there is: the picture of it."""
    sessions = [(much, one_held(program, much)) for much in (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)]
    webhooks = [(much, of_post(program, much)) for much in (1, 10, 100)]
    subscribers = [(much, fan_out(program, ["serve", 1, 0, 0], much, 3)) for much in (100, 1000, 10_000)]
    return bench_plot.drawn([
        ("One session by its id", "instructions", "sessions held", sessions),
        ("A message", "instructions, of the request", "webhooks", webhooks),
        ("An event, of bursts of 500", "us of processor time for each subscriber", "subscribers", subscribers),
    ])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--plot", metavar="FILE", help="draw what things cost against how much there is, as SVG, and no more")
    parser.add_argument("--only", default="", help="a word in the names of the parts that are run")
    arguments = parser.parse_args()
    # Ten thousand sockets are two files each.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    sdk = built("pocketping-sdk")
    server = built("pocketping-mock-server")
    if arguments.plot:
        with open(arguments.plot, "w", encoding="utf-8") as file:
            file.write(plotted(server))
        return
    subprocess.run(["cargo", "build", "--locked", "--release", "-p", "pocketping-cli"], cwd=ROOT, check=True)
    binary = os.path.join(ROOT, "target", "release", "pocketping")
    parts = [(client_rows, sdk), (server_rows, server), (cli_rows, binary)]
    if not arguments.quick:
        parts += [(part, server) for part in LONG] + [(listen_row, (sdk, server, binary))]
    table = Table()
    began = time.monotonic()
    for part, program in parts:
        if arguments.only in part.__name__:
            part(table, program)
    is_kept = table.show()
    print(f"in {time.monotonic() - began:.0f} s", file=sys.stderr)
    sys.exit(0 if is_kept else 1)


LONG = [memory_row, million_rows, fan_out_rows, idle_rows, python_row, webhooks_row, latency_row]


if __name__ == "__main__":
    main()
