#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every attack of tests/attack, small: no crash, an end, every packet in one column of the ledger,
memory within the ceilings, and a counter that says that it was noticed.

    tests/e2e/attack.py                    all
    tests/e2e/attack.py fragments ceilings only tests whose names have these texts
"""
import functools
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import probe  # noqa: E402
import wire  # noqa: E402
from probe import want  # noqa: E402

MAKE = probe.ROOT / "tests/attack/make"
PACKETS, FEW = 2000, 400
PROTOCOLS = [{"type": "icmp"}, {"type": "tls"}, {"type": "dns", "send_request": True,
              "include_authorities": True, "include_additionals": True, "send_response": True},
             {"type": "http", "send_all_headers": True, "include_body_for": ["text"],
              "send_request": True, "send_response": True, "hide_keywords": ["pass"]}]
USUAL = {"flows": {}, "protocols": PROTOCOLS}
# Ceilings that so few packets reach.
LOW = USUAL | {
    "flows": {"max_flows": 100, "reorder_bytes": "64KiB", "reorder_bytes_all": "256KiB"},
    "limits": {"decode": {"fragments": 64, "fragment_bytes": "256KiB"},
               "conns": {"conns": 20, "transactions": 64, "transactions_per_conn": 16,
                         "transaction_bytes": "64KiB", "kept_bytes": "64KiB",
                         "kept_bytes_all": "8MiB", "remembered": 4,
                         "unpaired_reserve": 100, "unpaired_per_conn": 16},
               "events": {"event_scratch": "2MiB", "batches": 16}}}
QUEUE = {"queue.mem": {"bytes": "2MiB"}}
# Runs a command and says what it took at most. The kernel counts what a process had when it began
# another program, so this is not for this script to do, which has read many documents.
LAUNCH = """import resource, subprocess, sys
code = subprocess.run(sys.argv[2:], timeout=int(sys.argv[1])).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)"""
SPARE = 4 << 20  # the sanitizer's own growth, and the pages of code that only attacks reach


def run(capture, root, settings):
    """Result, resident bytes at most, and the ceilings that were printed."""
    with tempfile.TemporaryDirectory(prefix="weir-attack-") as folder:
        config = pathlib.Path(folder, "attack.yml")
        config.write_text(json.dumps(QUEUE | {root: settings}))
        command = probe.arguments(folder, config, capture, ["-t"])
        launch = [sys.executable, "-I", "-c", LAUNCH, str(probe.SECONDS), *command]
        done = subprocess.run(launch, capture_output=True, stdin=subprocess.DEVNULL, cwd=folder)
        said = done.stderr.decode(errors="replace")
        probe.check_end(done.returncode, said, 0, command)
        ceilings = int(re.search(r"ceilings (\d+) MiB", said)[1]) << 20
        found = probe.Result(0, probe.read_documents(f"{folder}/out"), probe.counters(said), said,
                             command)
        return found, int(done.stdout) << 10, ceilings


@functools.cache
def idle(root, low):
    """What it takes without traffic."""
    return run(nothing(), root, LOW if low else USUAL)[1]


@functools.cache
def made(name, count=PACKETS, folder=tempfile.TemporaryDirectory(prefix="weir-attacks-")):
    """The capture of an attack; it lives as long as the tests."""
    path = pathlib.Path(folder.name, f"{name}-{count}.pcap")
    subprocess.run([MAKE, name, path, str(count)], check=True)
    return path


@functools.cache
def nothing(folder=tempfile.TemporaryDirectory(prefix="weir-attacks-")):
    path = pathlib.Path(folder.name, "nothing.pcap")
    path.write_bytes(wire.pcap([]))
    return path


def listed():
    """Names of the attacks, and the counters in which each shows."""
    said = subprocess.run([MAKE, "--counters"], check=True, capture_output=True, text=True).stdout
    return [(name, counters) for name, *counters in map(str.split, said.splitlines())]


def survives(name, counters, root, low):
    """What it takes beyond a run without traffic is within the ceilings."""
    found, peak, ceilings = run(made(name), root, LOW if low else USUAL)
    taken = peak - idle(root, low)
    want(found.counters["packets"] == PACKETS, f"{found.counters['packets']} packets of {PACKETS}")
    want(taken <= ceilings * 1.05 + SPARE, f"{taken >> 20} MiB, ceilings {ceilings >> 20} MiB")
    for counter in counters:
        want(found.counters[counter] > 0, f"{counter} did not grow")


def shared(name, workers):
    """Below the ceilings the documents do not depend on the number of workers."""
    one = run(made(name, FEW), "weir", USUAL)[0]
    several = run(made(name, FEW), "weir", USUAL | {"interfaces": {"workers": workers}})[0]
    probe.want_same(one.documents, several.documents)


def main():
    suite = probe.Suite(sys.argv[1:])
    for name, counters in listed():
        suite.add("usual settings", name, survives, name, [], "weir", False)
        suite.add("low ceilings", name, survives, name, counters, "weir", True)
        suite.add("compat", name, survives, name, [], "packetbeat", True)
        suite.add("three workers", name, shared, name, 3)
    return 0 if suite.run() else 1


sys.exit(main())
