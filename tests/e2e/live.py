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


# ── all of them ──

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
    return 0 if suite.run() else 1


if __name__ == "__main__":
    sys.exit(main())
