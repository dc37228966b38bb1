#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Live capture, over veth pairs in network namespaces that the tests make themselves.

    tests/e2e/live.py [WORD…]     only tests whose name holds every word

What is sent is known to the packet, so nothing is a matter of luck: every frame must be seen or be
counted as dropped by the kernel, and every question be paired, whatever the number of workers. No
test depends on how fast the machine is. Needs root and network namespaces, and BLAST: the sender of
tests/bench/blast.c (or a compiler to make it).
"""
import atexit
import contextlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import probe  # noqa: E402
import wire  # noqa: E402
from probe import GOLDEN, want  # noqa: E402

SKIPPED = 77
PATIENCE = 30  # seconds for anything that must happen sooner or later
CAPTURES = [GOLDEN / name / f"{name}.pcap" for name in
            ("http-nginx", "http-apache", "http-pipelined", "dns-tcp", "dns-dnsmasq", "icmp", "fragments",
             "tls-nginx", "tls-openssl")]
CONFIG = GOLDEN / "default.yml"
names = itertools.count()


# ── networks ──

def sh(*words, check=True):
    return subprocess.run([str(word) for word in words], check=check, capture_output=True, text=True,
                          timeout=PATIENCE)


class Net:
    """A namespace with veth pairs a0-b0, a1-b1, …: what is sent into a side comes out at b."""

    def __init__(self, pairs=1):
        self.name = f"weir-live-{os.getpid()}-{next(names)}"
        sh("ip", "netns", "add", self.name)
        try:
            self.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                     "net.ipv6.conf.default.disable_ipv6=1")
            self.ip("link", "set", "lo", "up")
            for number in range(pairs):
                self.pair(number)
        except Exception:
            self.close()
            raise

    def pair(self, number):
        self.ip("link", "add", f"a{number}", "mtu", 9000, "type", "veth", "peer", "name",
                f"b{number}", "mtu", 9000)
        self.ip("link", "set", f"a{number}", "up")
        self.ip("link", "set", f"b{number}", "up")

    def ip(self, *words):
        return sh("ip", "-n", self.name, *words)

    def inside(self, *words):
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def run(self, *words):
        return sh(*self.inside(*words))

    def close(self):
        sh("ip", "netns", "del", self.name, check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def are_permitted():
    try:
        with Net() as net:
            return net.run("true").returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


# ── the sender ──

def blast_path():
    if "BLAST" in os.environ:
        return os.environ["BLAST"]
    folder = tempfile.mkdtemp(prefix="weir-blast-")
    atexit.register(shutil.rmtree, folder)
    sh("cc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-o", f"{folder}/blast",
       probe.ROOT / "tests/bench/blast.c")
    return f"{folder}/blast"


def blast(net, data, *cards, options=()):
    """Sends a capture's frames into cards; how many left."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.write(data)
        file.flush()
        done = net.run(BLAST, *options, file.name, *(cards or ["a0"]))
    sent, _, refused, _ = done.stdout.split()
    want(refused == "0", f"{refused} frames could not be sent")
    return int(sent)


# ── the probe ──

class Probe:
    """weir while it captures: what it has written can be looked at, `end` gives all of it."""

    def __init__(self, net, *settings, config=CONFIG, before=(), more=()):
        self.folder = tempfile.mkdtemp(prefix="weir-live-")
        fixed = [f"output.file.path={self.folder}/out", "output.file.filename=documents",
                 "output.file.rotate_every_kb=1048576", f"path.home={self.folder}",
                 "queue.mem.flush.timeout=10ms", "logging.metrics.enabled=false",
                 "logging.json=false", *settings]
        self.command = [str(probe.WEIR), "run", "-e", "-c", str(config), *more,
                        *(word for one in fixed for word in ("-E", one))]
        self.log_path = pathlib.Path(self.folder) / "log"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(net.inside(*before, *self.command), stderr=log,
                                            stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                            cwd=self.folder)
        self.wait_for("reading packets from")

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_for(self, text):
        eventually(lambda: text in self.log() or self.process.poll() is not None,
                   lambda: f"«{text}» never came:\n{self.log()}")
        want(text in self.log(), f"it ended with {self.process.poll()}:\n{self.log()}")

    def documents(self):
        return probe.read_documents(f"{self.folder}/out")

    def wait_documents(self, count, what=lambda one: one["type"] != "flow"):
        eventually(lambda: len(list(filter(what, self.documents_so_far()))) >= count,
                   lambda: f"{count} documents never came:\n{self.log()}")

    def documents_so_far(self):
        """A line may be half written."""
        found = []
        for path in pathlib.Path(self.folder, "out").glob("*.ndjson"):
            found += [json.loads(line) for line in path.read_text().split("\n")[:-1]]
        return found

    def end(self, code=0):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        found = self.process.wait(PATIENCE)
        log = self.log()
        probe.check_end(found, log, code, self.command)
        return probe.Result(found, self.documents(), probe.counters(log), log, self.command)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def eventually(holds, said):
    end = time.monotonic() + PATIENCE
    while not holds():
        want(time.monotonic() < end, said())
        time.sleep(0.02)


def device(name, workers=1, *more):
    return [f"weir.interfaces.device={name}", f"weir.interfaces.workers={workers}", *more]


def want_all(result, sent):
    """The ledger: every frame that was sent was seen, or the kernel says it dropped it."""
    seen, dropped = result.counters["packets"], result.counters["kernel_dropped"]
    want(seen + dropped == sent, f"{sent} sent, {seen} seen, {dropped} dropped by the kernel")


LIVE = (*probe.TIMES, "event.timezone", "observer")


def want_same(file, live):
    probe.want_same(probe.transactions(file), probe.transactions(live), *LIVE)


# ── the same as from a file ──

def same(capture, workers, *settings):
    data = wire.pcap(wire.read(capture))
    wanted = probe.run(capture, CONFIG).documents
    with Net() as net, Probe(net, *device("b0", workers, *settings)) as weir:
        sent = blast(net, data)
        result = weir.end()
    want_all(result, sent)
    want_same(wanted, result.documents)


CHANGES = {
    "fragments": lambda one: wire.fragments(one, 64),
    "fragments, last first": lambda one: wire.fragments(one, 256)[::-1],
    "vlan": lambda one: [wire.tagged(one, (0x8100, 7))],
    "vlan twice": lambda one: [wire.tagged(one, (0x88A8, 7), (0x8100, 9))],
    "vxlan": lambda one: [wire.in_vxlan(one)],
    "gre": lambda one: [wire.in_gre(one)],
    "gre, whole frames": lambda one: [wire.in_gre_bridge(one)],
    "vlan in vxlan in vlan": lambda one: [
        wire.tagged(wire.in_vxlan(wire.tagged(one, (0x8100, 3))), (0x8100, 7))],
    "gre in vxlan": lambda one: [wire.in_vxlan(wire.in_gre(one))],
}


def changed(capture, change, workers):
    packets = [piece for one in wire.read(capture) for piece in change(one)]
    wanted = probe.run("-", CONFIG, stdin=wire.pcap(packets)).documents
    with Net() as net, Probe(net, *device("b0", workers)) as weir:
        sent = blast(net, wire.pcap(packets))
        result = weir.end()
    want_all(result, sent)
    want_same(wanted, result.documents)


# ── which cards ──

def conversation(number, requests=3):
    """A connection of its own, whose requests tell its number."""
    c = wire.Connection(ports=(41000 + number, 80), ends=(f"10.1.{number // 250}.{number % 250 + 1}",
                                                          wire.SERVER))
    c.open()
    for request in range(requests):
        c.ask(b"GET /%d/%d HTTP/1.1\r\nHost: h\r\n\r\n" % (number, request))
        c.answer(b"HTTP/1.1 204 No Content\r\n\r\n")
    c.close()
    return c.packets


def asked(documents):
    return sorted(one["url"]["path"] for one in documents if one["type"] == "http")


def paths(*numbers, requests=3):
    return sorted(f"/{number}/{request}" for number in numbers for request in range(requests))


def want_asked(result, *numbers):
    found = asked(result.documents)
    want(found == paths(*numbers), f"wanted {paths(*numbers)}, found {found}")


def cards(named, wanted, workers):
    """Of three cables with a conversation each, those that `named` means are seen."""
    with Net(pairs=3) as net, Probe(net, *device(named, workers)) as weir:
        sent = 0
        for number in range(3):
            frames = blast(net, wire.pcap(conversation(number)), f"a{number}")
            sent += frames if number in wanted else 0
        result = weir.end()
    want_all(result, sent)
    want_asked(result, *wanted)


def everything(workers):
    """any shows both ends of each veth; what is seen twice is left out on request."""
    settings = device("any", workers, "weir.interfaces.duplicates_window=1s")
    with Net(pairs=2) as net, Probe(net, *settings) as weir:
        sent = sum(blast(net, wire.pcap(conversation(number)), f"a{number}", options=["-q"])
                   for number in range(2))
        result = weir.end()
    want_all(result, 2 * sent)
    want(result.counters["undecoded_duplicate"] == sent, f"{result.counters}, {sent} sent")
    want_asked(result, 0, 1)


def filtered(named, workers):
    settings = device(named, workers, "weir.interfaces.bpf_filter=tcp and host 10.1.0.2")
    with Net() as net, Probe(net, *settings) as weir:
        blast(net, wire.pcap(conversation(0)), options=["-q"])
        sent = blast(net, wire.pcap(conversation(1)), options=["-q"])
        result = weir.end()
    want_all(result, sent * (2 if named == "any" else 1))
    want("/1/0" in asked(result.documents) and "/0/0" not in asked(result.documents), "filtered wrong")


def filtered_vlan(text, wanted):
    with Net() as net, Probe(net, *device("b0", 1, f"weir.interfaces.bpf_filter={text}")) as weir:
        for number in range(3):
            packets = conversation(number)
            blast(net, wire.pcap([wire.tagged(one, (0x8100, number)) for one in packets] if number
                                 else packets))
        result = weir.end()
    want_asked(result, *wanted)


def tap(workers):
    """Each direction of a cable on a card of its own."""
    packets = [one for number in range(20) for one in conversation(number)]
    with Net(pairs=2) as net, Probe(net, *device("b0,b1", workers)) as weir:
        sent = blast(net, wire.pcap(packets), "a0", "a1", options=["-r", "2000"])
        result = weir.end()
    want_all(result, sent)
    want_asked(result, *range(20))
    want_interface(result, "b0")


def want_interface(result, name):
    """Every document, flows too, says which card saw its first packet."""
    found = {one.get("observer", {}).get("ingress", {}).get("interface", {}).get("name")
             for one in result.documents}
    want(found == {name}, f"interfaces {found}, wanted {name}")


def several_entries():
    settings = ["weir.interfaces.0.device=b0", "weir.interfaces.0.workers=2",
                "weir.interfaces.1.device=b1", "weir.interfaces.1.workers=1",
                "weir.interfaces.1.bpf_filter=host 10.1.0.2",
                "weir.interfaces.0.internal_networks=[10.1.0.1/32]",
                "weir.interfaces.1.internal_networks=[10.1.0.2/32]"]
    config = "weir: {protocols: [{type: http, ports: [80]}]}\noutput.file.path: /tmp\n"
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(config)
        file.flush()
        with Net(pairs=2) as net, Probe(net, *settings, config=file.name) as weir:
            sent = blast(net, wire.pcap(conversation(0)), "a0")
            blast(net, wire.pcap(conversation(0)), "a1")
            sent += blast(net, wire.pcap(conversation(1)), "a1")
            result = weir.end()
    want_all(result, sent)
    want_asked(result, 0, 1)
    ways = {one["source"]["ip"]: one["network"]["direction"] for one in result.documents
            if one["type"] == "http"}
    want(ways == {"10.1.0.1": "outbound", "10.1.0.2": "outbound"}, f"{ways}")


def default_route(workers):
    """The route moves from one card to the other while packets are captured."""
    with Net(pairs=2) as net:
        for number in range(2):
            net.ip("addr", "add", f"10.9.{number}.1/24", "dev", f"b{number}")
        net.ip("route", "add", "default", "via", "10.9.0.2", "dev", "b0", "onlink")
        with Probe(net, *device("default_route", workers)) as weir:
            blast(net, wire.pcap(conversation(1)), "a1")
            blast(net, wire.pcap(conversation(0)), "a0")
            weir.wait_documents(3)
            net.ip("route", "replace", "default", "via", "10.9.1.2", "dev", "b1", "onlink")
            weir.wait_for("capturing b1")
            weir.wait_for("b0 is gone")
            time.sleep(0.2)
            blast(net, wire.pcap(conversation(2)), "a0")
            blast(net, wire.pcap(conversation(3)), "a1")
            weir.wait_documents(6)
            result = weir.end()
    want_asked(result, 0, 3)


def default_route_of_two():
    """The route spreads packets among two cards: both are meant."""
    with Net(pairs=3) as net:
        for number in range(2):
            net.ip("addr", "add", f"10.9.{number}.1/24", "dev", f"b{number}")
        net.ip("route", "add", "default", *(word for number in range(2) for word in (
            "nexthop", "via", f"10.9.{number}.2", "dev", f"b{number}", "onlink")))
        with Probe(net, *device("default_route")) as weir:
            for number in range(3):
                blast(net, wire.pcap(conversation(number)), f"a{number}")
            result = weir.end()
        listed = net.run(probe.WEIR, "devices").stdout.splitlines()
    want_asked(result, 0, 1)
    want([line.split()[1] for line in listed if "default route of IPv4" in line] == ["b0", "b1"], f"{listed}")


# ── cards that come and go ──

def down_and_up(workers):
    with Net() as net, Probe(net, *device("b0", workers)) as weir:
        blast(net, wire.pcap(conversation(0)))
        weir.wait_documents(3)
        net.ip("link", "set", "b0", "down")
        time.sleep(0.3)
        net.ip("link", "set", "b0", "up")
        blast(net, wire.pcap(conversation(1)))
        weir.wait_documents(6)
        want_asked(weir.end(), 0, 1)


def down_at_first(workers):
    with Net() as net:
        net.ip("link", "set", "b0", "down")
        with Probe(net, *device("b0", workers)) as weir:
            net.ip("link", "set", "b0", "up")
            blast(net, wire.pcap(conversation(0)))
            weir.wait_documents(3)
            want_asked(weir.end(), 0)


def gone_and_back(named, workers):
    """Twice; the second time nothing of what was there at the start is left."""
    with Net() as net, Probe(net, *device(named, workers)) as weir:
        blast(net, wire.pcap(conversation(0)))
        weir.wait_documents(3)
        for again in (1, 2):
            net.ip("link", "del", "b0")
            eventually(lambda: weir.log().count("b0 is gone") >= again * workers, weir.log)
            net.pair(0)
            eventually(lambda: weir.log().count("capturing b0") >= again * workers
                       + (workers if named != "b0" else 0), weir.log)
            time.sleep(0.2)
            blast(net, wire.pcap(conversation(again)))
            weir.wait_documents(3 + 3 * again)
        want_asked(weir.end(), 0, 1, 2)


def renamed(workers):
    """One that is bound goes on under whatever name; another takes its pattern's place."""
    with Net(pairs=2) as net, Probe(net, *device("b0", workers)) as weir:
        net.ip("link", "set", "b0", "down")
        net.ip("link", "set", "b0", "name", "other")
        net.ip("link", "set", "other", "up")
        blast(net, wire.pcap(conversation(0)), "a0")
        weir.wait_documents(3)
        want_asked(weir.end(), 0)


def renamed_pattern(workers):
    with Net(pairs=2) as net, Probe(net, *device("x*", workers)) as weir:
        blast(net, wire.pcap(conversation(0)), "a0")
        net.ip("link", "set", "b1", "down")
        net.ip("link", "set", "b1", "name", "x1")
        net.ip("link", "set", "x1", "up")
        eventually(lambda: weir.log().count("capturing x1") >= workers, weir.log)
        time.sleep(0.2)
        blast(net, wire.pcap(conversation(1)), "a1")
        weir.wait_documents(3)
        want_asked(weir.end(), 1)


# ── rights ──

def refused(words, code, text, named="b0"):
    with Net() as net:
        done = subprocess.run(net.inside(*words, probe.WEIR, "-e", "-E",
                                         f"weir.interfaces.device={named}",
                                         "-E", "output.console.enabled=true"),
                              capture_output=True, text=True, timeout=PATIENCE, cwd="/")
    want(done.returncode == code, f"exit code {done.returncode}, wanted {code}: {done.stderr}")
    want(text in done.stderr, f"«{text}» is not in {done.stderr}")


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def few_rights(workers):
    """CAP_NET_RAW alone is enough, also for a card that vanishes and returns."""
    before = [*NOBODY, "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw",
              "--bounding-set=-all,+net_raw"]
    with Net() as net, tempfile.TemporaryDirectory(prefix="weir-live-") as folder:
        os.chmod(folder, 0o777)
        settings = [f"output.file.path={folder}", f"path.home={folder}"]
        with Probe(net, *device("b0", workers, *settings), before=before,
                   more=["--strict.perms=false"]) as weir:
            status = pathlib.Path(f"/proc/{weir.process.pid}/status").read_text()
            want("CapEff:\t0000000000000000" in status and "CapPrm:\t0000000000000000" in status,
                 f"capabilities are left: {status}")
            want("NoNewPrivs:\t1" in status and "Seccomp:\t2" in status, f"no sandbox: {status}")
            sent = blast(net, wire.pcap(conversation(0)))
            result = weir.end()
            documents = probe.read_documents(folder)
    want_all(result, sent)
    want(asked(documents) == paths(0), f"found {asked(documents)}")


def permitted_only():
    """A copy of the program with the right on its file, permitted but not in effect."""
    with tempfile.TemporaryDirectory(prefix="weir-live-") as folder:
        os.chmod(folder, 0o777)
        shutil.copy(probe.WEIR, f"{folder}/weir")
        if not shutil.which("setcap") or sh("setcap", "cap_net_raw+p", f"{folder}/weir",
                                            check=False).returncode != 0:
            return  # a file system without
        with Net() as net:
            done = subprocess.run(net.inside(*NOBODY, f"{folder}/weir", "-E", "weir.interfaces.device=nope",
                                             "-E", f"path.home={folder}"),
                                  capture_output=True, text=True, timeout=PATIENCE, cwd="/")
        want(done.returncode == 4, f"exit code {done.returncode}: {done.stderr}")


# ── load ──

def drops(workers):
    """A probe that stands still: what its ring does not hold is dropped, and told."""
    packets = [one for number in range(200) for one in conversation(number)]
    with Net() as net, Probe(net, *device("b0", workers, "weir.interfaces.buffer_size_mb=1")) as weir:
        weir.process.send_signal(signal.SIGSTOP)
        sent = blast(net, wire.pcap(packets), options=["-n", "20"])
        weir.process.send_signal(signal.SIGCONT)
        result = weir.end()
    want(result.counters["kernel_dropped"] > 0, "nothing was dropped")
    want(result.counters["kernel_freezes"] > 0, "the ring was never full")
    want_all(result, sent)


def stopped_under_load(workers):
    """What was captured until the signal came is in the documents, in order and paired."""
    packets = [one for number in range(500) for one in conversation(number)]
    with Net() as net, Probe(net, *device("b0", workers)) as weir:
        load = threading.Thread(target=blast, args=(net, wire.pcap(packets)),
                                kwargs={"options": ["-r", "6000"]})
        load.start()
        weir.wait_documents(100)
        result = weir.end()
        load.join()
    seen = result.counters["packets"]
    want(seen > 0 and result.counters["kernel_dropped"] == 0, f"{seen} seen: {result.counters}")
    found = probe.transactions(result.documents)
    alone = [one for one in found if one["status"] != "OK"]
    want(len(alone) <= workers, f"{len(alone)} of {len(found)} are not paired, with {workers} workers")
    if workers == 1:  # then it is the beginning of what was sent
        want_same(probe.run("-", CONFIG, stdin=wire.pcap(packets[:seen])).documents, result.documents)


def one_by_one(number):
    """A question and its answer; the port tells whose they are."""
    c = wire.Connection(ports=(1024 + number, 80), ends=("10.1.0.1", wire.SERVER))
    c.open()
    c.ask(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % number)
    c.answer(b"HTTP/1.1 204 No Content\r\n\r\n")
    c.close()
    return c.packets


def overload(workers, on):
    """A probe that is kept from its work, with a small ring: it sheds, or only the kernel drops."""
    packets = [one for number in range(4000) for one in one_by_one(number)]
    settings = device("b0", workers, "weir.interfaces.buffer_size_mb=2", "weir.limits.overload.period=1s",
                      f"weir.limits.overload.enabled={str(on).lower()}")
    sent = 0
    with Net() as net, Probe(net, *settings) as weir:
        over = threading.Event()
        brake = threading.Thread(target=hold_up, args=(weir.process, over))
        brake.start()
        try:
            sent += blast(net, wire.pcap(packets), options=["-r", "80000", "-n", "6"])
        finally:
            over.set()
            brake.join()
        for number in range(4000, 4020):  # quiet: what is left of the level goes
            sent += blast(net, wire.pcap(one_by_one(number)))
            time.sleep(0.1)
        result = weir.end()
    want_all(result, sent)
    told = [one for one in result.documents if one["type"] == "weir.overload"]
    shed = {name: number for name, number in result.counters.items() if name.startswith("shed_")}
    if not on:
        want(not shed and not told, f"shed {shed}, told {told}")
        return
    want(shed.get("shed_uncounted", 0) + shed.get("shed_unparsed", 0) > 0, f"nothing was shed: {shed}")
    for name in ("unparsed", "uncounted", "uncaptured"):
        want(sum(one["overload"]["packets"][name] for one in told) == shed.get(f"shed_{name}", 0),
             f"{name}: the documents differ from {shed}")
    want(sum(one["overload"]["packets"]["dropped"] for one in told) == result.counters["kernel_dropped"],
         "the kernel's drops are not all told")
    http = [one for one in result.documents if one["type"] == "http"]
    want(http, "there are no documents")
    if not result.counters["kernel_dropped"]:
        want(all(one["status"] == "OK" for one in http), "half a conversation")


def hold_up(process, over):
    """Lets it run for a small part of the time."""
    while not over.is_set():
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.001)


def new_card_under_load():
    """A card that comes is noticed by who always has something to read."""
    packets = wire.pcap([one for number in range(4000) for one in one_by_one(number)])
    settings = device("b*", 1, "weir.interfaces.buffer_size_mb=2", "weir.limits.overload.enabled=false")
    over = threading.Event()

    def load(net):
        while not over.is_set():
            blast(net, packets, options=["-n", "50"])
    with Net() as net, Probe(net, *settings) as weir:
        threads = [threading.Thread(target=hold_up, args=(weir.process, over)),
                   threading.Thread(target=load, args=(net,))]
        for thread in threads:
            thread.start()
        try:
            time.sleep(0.5)  # until the ring is full
            net.pair(3)
            weir.wait_for("capturing b3")
        finally:
            over.set()
            for thread in threads:
                thread.join()
        weir.end()


def dumped():
    """--dump: all packets in one file, which reads as it was captured."""
    with Net() as net, tempfile.TemporaryDirectory(prefix="weir-live-") as folder:
        with Probe(net, *device("b0", 0), more=["--dump", f"{folder}/all"]) as weir:
            sent = blast(net, wire.pcap(conversation(0)))
            result = weir.end()
        written = wire.read(next(pathlib.Path(folder).glob("all-*.pcap")))
    want_all(result, sent)
    want([one.data for one in written] == [one.data for one in conversation(0)], "other frames")


def dumped_of_all():
    """Of several entries, too."""
    settings = ["weir.interfaces.0.device=b0", "weir.interfaces.1.device=b1"]
    config = "weir.protocols: [{type: http, ports: [80]}]\noutput.file.path: /tmp\n"
    with (Net(pairs=2) as net, tempfile.TemporaryDirectory(prefix="weir-live-") as folder,
          tempfile.NamedTemporaryFile("w", suffix=".yml") as file):
        file.write(config)
        file.flush()
        with Probe(net, *settings, config=file.name, more=["--dump", f"{folder}/all"]) as weir:
            weir.wait_for("reading packets from b1")
            sent = sum(blast(net, wire.pcap(conversation(one)), f"a{one}") for one in range(2))
            result = weir.end()
        written = wire.read(next(pathlib.Path(folder).glob("all-*.pcap")))
    want_all(result, sent)
    want(sorted(one.data for one in written) ==
         sorted(one.data for number in range(2) for one in conversation(number)), "other frames")


def libpcap():
    with Net() as net, Probe(net, *device("b0", 0, "weir.interfaces.type=libpcap")) as weir:
        sent = blast(net, wire.pcap(conversation(0)))
        result = weir.end()
    want_all(result, sent)
    want_asked(result, 0)


# ── a real server and real clients ──

NGINX = """daemon off; master_process off; pid {0}/pid; error_log {0}/error;
events {{ worker_connections 512; }}
http {{ access_log off; client_body_temp_path {0}/1; proxy_temp_path {0}/2; fastcgi_temp_path {0}/3;
uwsgi_temp_path {0}/4; scgi_temp_path {0}/5;
server {{ listen 10.5.0.2:80; location / {{ return 200 "ok $request_uri"; }} }} }}
"""


@contextlib.contextmanager
def nginx(net, folder, conf=NGINX):
    pathlib.Path(folder, "conf").write_text(conf.format(folder))
    process = subprocess.Popen(net.inside("nginx", "-c", f"{folder}/conf", "-p", folder, "-e", f"{folder}/error"),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def real(workers, clients=4, requests=50):
    with Net() as net, Net(pairs=0) as far, tempfile.TemporaryDirectory(prefix="weir-live-") as folder:
        net.ip("link", "set", "a0", "netns", far.name)
        far.ip("addr", "add", "10.5.0.2/24", "dev", "a0")
        far.ip("link", "set", "a0", "up")
        for number in range(clients):
            net.ip("addr", "add", f"10.5.0.{10 + number}/24", "dev", "b0")
        with nginx(far, folder), Probe(net, *device("b0", workers)) as weir:
            eventually(lambda: sh(*net.inside("curl", "-sf", "http://10.5.0.2/ready"),
                                  check=False).returncode == 0, lambda: "nginx never answered")
            running = [subprocess.Popen(
                net.inside("curl", "-sf", "--interface", f"10.5.0.{10 + number}",
                           f"http://10.5.0.2/{number}/[1-{requests}]"), stdout=subprocess.DEVNULL)
                for number in range(clients)]
            want(all(one.wait(PATIENCE) == 0 for one in running), "curl failed")
            result = weir.end()
    found = [one for one in result.documents if one["type"] == "http"
             and one["url"]["path"] != "/ready"]
    paired = [one for one in found if one["http"]["response"]["status_code"] == 200]
    want(result.counters["kernel_dropped"] == 0, "packets were dropped")
    want(len(paired) == len(found) == clients * requests,
         f"{clients * requests} asked, {len(found)} seen, {len(paired)} paired")


# ── all of them ──

def add_cards(suite):
    for workers in (1, 2):
        for named, wanted in {"b1": [1], "b?": [0, 1, 2], "b*,!b1": [0, 2], "!b1,!a*": [0, 2],
                              "b0,b2": [0, 2]}.items():
            suite.add("cards", f"{named}/{workers}", cards, named, wanted, workers)
        suite.add("cards", f"any/{workers}", everything, workers)
        suite.add("cards", f"default route/{workers}", default_route, workers)
        suite.add("cards", f"tap/{workers}", tap, workers)
        for named in ("b0", "b*", "any"):
            suite.add("filter", f"{named}/{workers}", filtered, named, workers)
    suite.add("cards", "default route of two", default_route_of_two)
    suite.add("cards", "several entries", several_entries)
    suite.add("filter", "vlan 1", filtered_vlan, "vlan 1 and tcp", [1])
    suite.add("filter", "not vlan", filtered_vlan, "not vlan", [0])


def add_changes(suite):
    for workers in (1, 2):
        suite.add("come and go", f"down and up/{workers}", down_and_up, workers)
        suite.add("come and go", f"down at first/{workers}", down_at_first, workers)
        suite.add("come and go", f"renamed/{workers}", renamed, workers)
        suite.add("come and go", f"renamed to a pattern/{workers}", renamed_pattern, workers)
        for named in ("b0", "b*"):
            suite.add("come and go", f"gone and back, {named}/{workers}", gone_and_back, named,
                      workers)


def add_rest(suite):
    suite.add("rights", "none", refused, [*NOBODY, "--bounding-set=-all"], 3, "CAP_NET_RAW")
    suite.add("rights", "permitted only", permitted_only)
    suite.add("rights", "no such card", refused, [], 4, "nope", "nope")
    for workers in (1, 2):
        suite.add("rights", f"net_raw alone/{workers}", few_rights, workers)
        suite.add("load", f"overload/{workers}", overload, workers, True)
    suite.add("load", "overload, not shed/1", overload, 1, False)
    suite.add("load", "new card", new_card_under_load)
    suite.add("load", "dump", dumped)
    suite.add("load", "dump of several entries", dumped_of_all)
    suite.add("load", "libpcap", libpcap)
    for workers in (1, 2, 3):
        suite.add("load", f"drops/{workers}", drops, workers)
        suite.add("load", f"stopped/{workers}", stopped_under_load, workers)
        if shutil.which("nginx") and shutil.which("curl"):
            suite.add("real", f"nginx/{workers}", real, workers)

def main():
    if not are_permitted():
        print("skipped: network namespaces are not permitted here")
        return SKIPPED
    global BLAST
    BLAST = blast_path()
    suite = probe.Suite(sys.argv[1:])
    for capture in CAPTURES:
        for workers in (1, 2, 3):
            suite.add("as from a file", f"{capture.stem}/{workers}", same, capture, workers)
    for name in ("http-nginx", "dns-tcp"):
        suite.add("by ports", f"{name}/3", same, GOLDEN / name / f"{name}.pcap", 3,
                  "weir.interfaces.fanout=ports")
        for change in CHANGES:
            suite.add("changed", f"{name}/{change}", changed, GOLDEN / name / f"{name}.pcap",
                      CHANGES[change], 3)
    add_cards(suite)
    add_changes(suite)
    add_rest(suite)
    return 0 if suite.run() else 1


if __name__ == "__main__":
    sys.exit(main())
