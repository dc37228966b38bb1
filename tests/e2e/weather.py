#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around the program, and how its runs end: settings, permissions, files that are
not there, signals, rotation, a disk that fills.

    tests/e2e/weather.py            all
    tests/e2e/weather.py signals    only tests whose names have this text
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import disk as disks  # noqa: E402
import probe  # noqa: E402
import wire  # noqa: E402
from probe import want  # noqa: E402

PROTOCOLS = [{"type": "http", "ports": [80]}]
GOOD = json.dumps({"weir": {"protocols": PROTOCOLS}})


# ── captures ──

def exchanges(count, body=b"hello"):
    """So many HTTP exchanges on a connection each."""
    packets = []
    for number in range(count):
        c = wire.Connection(ports=(20000 + number % 40000, 80),
                            time=wire.START + number * 20_000_000)
        c.open()
        c.ask(b"GET /%d HTTP/1.1\r\nHost: example.com\r\n\r\n" % number)
        c.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        c.close()
        packets += c.packets
    return packets


def with_one_waiting(count):
    """So many exchanges, then a question; what comes next comes after a minute."""
    packets = exchanges(count)
    waiting = wire.Connection(ports=(30000, 80), time=packets[-1].time + 1)
    waiting.open()
    waiting.ask(b"GET /waiting HTTP/1.1\r\n\r\n")
    later = wire.Connection(ports=(30001, 80), time=packets[-1].time + 60_000_000_000)
    later.open()
    return packets + waiting.packets + later.packets


def paths(documents):
    return [one["url"]["path"] for one in documents]


def all_paths(count):
    return sorted(f"/{number}" for number in range(count))


# ── a run that can be watched ──

class Run:
    """weir in a folder of its own, started and not waited for."""

    def __init__(self, packets, *more, config=GOOD, settings=(), inside=()):
        self.folder = tempfile.mkdtemp(prefix="weir-weather-")
        self.capture, self.config = f"{self.folder}/hand.pcap", f"{self.folder}/hand.yml"
        pathlib.Path(self.capture).write_bytes(wire.pcap(packets))
        pathlib.Path(self.config).write_text(config)
        self.command = [*inside, *probe.arguments(self.folder, self.config, self.capture, more, settings)]
        self.said = pathlib.Path(self.folder, "said")
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(self.command, stderr=said, stdout=said, cwd=self.folder,
                                            stdin=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        return self.said.read_text(errors="replace")

    def files(self):
        return sorted(pathlib.Path(self.folder, "out").glob("*"), key=probe.file_number)

    def lines(self):
        return sum(path.read_bytes().count(b"\n") for path in self.files())

    def until(self, holds, what, seconds=20):
        deadline = time.monotonic() + seconds
        while not holds():
            want(time.monotonic() < deadline and self.process.poll() is None,
                 f"waited in vain for {what}\n{self.log()[-1500:]}")
            time.sleep(0.02)

    def end(self, code=0, seconds=20):
        probe.check_end(self.process.wait(seconds), self.log(), code, self.command)
        return probe.read_documents(f"{self.folder}/out")


def refused(config, *words, settings=(), capture=None, mode=0o600, owner=None):
    """A run that must not start: exit 1, one line that has these words, no document."""
    with tempfile.TemporaryDirectory(prefix="weir-weather-") as folder:
        file = pathlib.Path(folder, "hand.yml")
        file.write_text(config)
        file.chmod(mode)
        if owner:
            os.chown(file, owner, owner)
        capture = capture or probe.GOLDEN / "first/first.pcap"
        command = probe.arguments(folder, file, capture, ["-t"], settings)
        done = subprocess.run(command, capture_output=True, timeout=probe.SECONDS, cwd=folder,
                              stdin=subprocess.DEVNULL)
        log = done.stderr.decode()
        probe.check_end(done.returncode, log, 1, command)
        said = [line for line in log.splitlines() if line.startswith("weir: ")]
        want(len(said) == 1, f"wanted one line, got: {log}")
        missing = [word for word in words if word.format(file=file) not in said[0]]
        want(not missing, f"«{said[0]}» lacks {missing}")
        want(not probe.read_documents(f"{folder}/out"), "documents were written all the same")


# ── bad settings: file, line, what was found, what was expected ──

def unknown_key():
    refused("weir:\n  flows:\n    timeot: 3s\n", "{file}:3", "timeot", "timeout")


def unknown_root_key():
    refused("weir:\n  flows:\n    timeout: 3s\nloging.level: info\n", "{file}:4", "loging", "logging")


def unknown_key_of_a_protocol():
    refused("weir:\n  protocols:\n  - type: http\n    ports: [80]\n    send_al_headers: true\n",
            "{file}:5", "send_al_headers", "send_all_headers")


def unknown_protocol():
    refused("weir:\n  protocols:\n  - type: htpt\n", "{file}:3", "htpt")


def unknown_output():
    refused("weir:\n  flows:\n    timeout: 3s\noutput.fil.path: /tmp\n", "{file}:4", "fil")


def not_a_duration():
    refused("weir:\n  flows:\n    timeout: soon\n", "{file}:3", "soon")


def out_of_range():
    refused("weir:\n  protocols:\n  - type: http\n    ports: [70000]\n", "{file}:4", "70000")


def broken_yaml():
    refused("weir:\n  flows: [1, 2\n", "{file}:")


def both_roots():
    refused("weir:\n  ignore_outgoing: true\npacketbeat:\n  ignore_outgoing: true\n", "{file}:",
            "packetbeat", "weir")


def one_port_twice():
    refused("weir:\n  protocols:\n  - type: http\n    ports: [80]\n  - type: dns\n    ports: [80]\n",
            "80", "http", "dns")


def compatible_warns():
    """Under the root key packetbeat what is unknown is a warning with file and line."""
    config = "packetbeat:\n  flows:\n    timeot: 3s\n"
    with Run(exchanges(1), "-t", config=config) as run:
        run.end()
        want(f"{run.config}:3" in run.log() and "timeot" in run.log(), run.log())


# ── files that are not as they should be ──

def writable_by_others():
    refused(GOOD, "{file}", "0666", mode=0o666)


def owned_by_another():
    if os.geteuid():
        return print("skipped: only root can give a file away")
    refused(GOOD, "{file}", "12345", owner=12345)


def permissions_not_checked():
    with Run(exchanges(1), "-t", "--strict.perms=false") as run:
        run.end()
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "open.yml")
        file.write_text(GOOD)
        file.chmod(0o666)
        probe.run(probe.GOLDEN / "first/first.pcap", file, "--strict.perms=false")


def no_configuration():
    with tempfile.TemporaryDirectory() as folder:
        command = probe.arguments(folder, f"{folder}/none.yml", probe.GOLDEN / "first/first.pcap")
        done = subprocess.run(command, capture_output=True, timeout=probe.SECONDS, cwd=folder)
        probe.check_end(done.returncode, done.stderr.decode(), 1, command)
        want("none.yml" in done.stderr.decode(), done.stderr.decode())


def unwritable_output():
    """A folder that cannot be made, since a file stands in its way."""
    refused(GOOD, "/dev/null", settings=["output.file.path=/dev/null/out"])


def no_capture():
    refused(GOOD, "/nowhere.pcap", capture="/nowhere.pcap")


def no_capture_but_text():
    refused(GOOD, str(pathlib.Path(__file__).name), capture=__file__)


def folder_of_captures():
    """All captures of a folder, by name; the documents are those of each alone."""
    with tempfile.TemporaryDirectory() as folder:
        both = [probe.GOLDEN / name / f"{name}.pcap" for name in ("first", "icmp")]
        alone = [one for path in both for one in probe.run(path, config_file(folder)).documents]
        os.mkdir(f"{folder}/captures")
        for path in both:
            shutil.copy(path, f"{folder}/captures")
        probe.want_same(alone, probe.run(f"{folder}/captures", config_file(folder)).documents)


def config_file(folder):
    file = pathlib.Path(folder, "hand.yml")
    file.write_text(json.dumps({"weir": {"protocols": [*PROTOCOLS, {"type": "icmp"}],
                                         "flows": {"enabled": True, "period": "-1s"}}}))
    return file


def folder_with_other_files():
    """What is no capture is skipped, and the log says so."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/captures")
        shutil.copy(probe.GOLDEN / "first/first.pcap", f"{folder}/captures")
        pathlib.Path(folder, "captures/notes.txt").write_text("no capture\n")
        result = probe.run(f"{folder}/captures", config_file(folder))
        want(result.counters["packets"] == 30, f"{result.counters['packets']} of 30 packets")
        want("notes.txt: skipped" in result.log, result.log)


# ── the command line ──

def usage(*words):
    """A command line that makes no sense: exit 2, one line."""
    done = subprocess.run([probe.WEIR, *words], capture_output=True, timeout=probe.SECONDS)
    probe.check_end(done.returncode, done.stderr.decode(), 2, [probe.WEIR, *words])
    want(done.stderr.count(b"\n") == 1 and not done.stdout, done.stderr.decode())


def nobody_reads():
    """Standard output is closed by its reader: the end, not a crash and not a loop."""
    with tempfile.TemporaryDirectory() as folder:
        command = [probe.WEIR, "-I", probe.GOLDEN / "first/first.pcap", "-t", "-l", "2000"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
            run.stdout.readline()
            run.stdout.close()
            log = run.stderr.read().decode()
            probe.check_end(run.wait(probe.SECONDS), log, 0, command)
            want("nobody reads" in log, log)


def dumped():
    """What --dump writes gives the same documents."""
    with tempfile.TemporaryDirectory() as folder:
        first = probe.run(probe.GOLDEN / "first/first.pcap", config_file(folder), "--dump", f"{folder}/d")
        dump, = pathlib.Path(folder).glob("d-*.pcap")
        probe.want_same(first.documents, probe.run(dump, config_file(folder)).documents)


def dump_unwritable():
    with tempfile.TemporaryDirectory() as folder:
        command = probe.arguments(folder, config_file(folder), probe.GOLDEN / "first/first.pcap",
                                  ["-t", "--dump", f"{folder}/none/d"])
        done = subprocess.run(command, capture_output=True, timeout=probe.SECONDS, cwd=folder)
        probe.check_end(done.returncode, done.stderr.decode(), 1, command)
        want("none/d" in done.stderr.decode(), done.stderr.decode())


# ── signals ──

def stopped(*numbers):
    """What was seen is published, a question that waits too, and the rest of the file is not waited
    for. Several signals at one moment are one wish."""
    with Run(with_one_waiting(2)) as run:
        run.until(lambda: run.lines() >= 2, "two documents")
        for number in (signal.SIGSTOP, *numbers, signal.SIGCONT):
            run.process.send_signal(number)
        found = run.end()
        want(sorted(paths(found)) == ["/0", "/1", "/waiting"], f"found {paths(found)}")


def second_signal():
    """Who asks twice does not wait for the outputs."""
    with tempfile.TemporaryDirectory() as folder, open("/dev/full", "wb") as full:
        command = [probe.WEIR, "-I", probe.GOLDEN / "first/first.pcap", "-t", "-E", "weir.shutdown_timeout=1h"]
        with subprocess.Popen(command, cwd=folder, stdout=full, stderr=subprocess.PIPE) as run:
            want(b"cannot write" in run.stderr.readline(), "nothing about the full device")
            deadline = time.monotonic() + probe.SECONDS
            while run.poll() is None and time.monotonic() < deadline:
                run.send_signal(signal.SIGINT)
                time.sleep(0.1)
            run.kill()
            want(run.wait() == 1, f"exit code {run.returncode}")


def reopened():
    """After SIGHUP documents go to a new file though the old one was moved away."""
    with Run(with_one_waiting(1)) as run:
        run.until(lambda: run.lines() >= 1, "one document")
        moved = f"{run.folder}/moved"
        os.rename(run.files()[0], moved)
        for number in (signal.SIGHUP, signal.SIGTERM):  # in this order, though both may wait
            run.process.send_signal(number)
        found = run.end()
        want(paths(found) == ["/waiting"], f"new file: {paths(found)}")
        with open(moved) as file:
            want(paths(map(json.loads, file)) == ["/0"], "the moved file has not the first document")


def second_instance():
    """Two at once with one output folder: each has its own file, no line is torn."""
    with Run(exchanges(200), "-t") as one:
        settings = [f"output.file.path={one.folder}/out"]
        with Run(exchanges(200), "-t", settings=settings) as other:
            want(other.process.wait(20) == 0, other.log())
            found = one.end()
            want(sorted(paths(found)) == sorted(all_paths(200) * 2), f"{len(found)} of 400 documents")


def one_data_path():
    """The second process on a path.data says so and does not start; the first goes on."""
    with Run(with_one_waiting(1)) as run:
        run.until(lambda: run.lines() >= 1, "one document")
        refused(GOOD, f"path.data {run.folder}/data is in use", str(run.process.pid),
                settings=[f"path.data={run.folder}/data"])
        run.process.send_signal(signal.SIGTERM)
        want(sorted(paths(run.end())) == ["/0", "/waiting"], "the first one lost something")


# ── rotation ──

def rotated(workers):
    """By size: every document is in one of the files, none is larger than was asked for."""
    settings = ["output.file.rotate_every_kb=16", "output.file.number_of_files=1000",
                f"weir.interfaces.workers={workers}", "queue.mem.flush.min_events=10"]
    with Run(exchanges(300), "-t", settings=settings) as run:
        found = run.end()
        want(sorted(paths(found)) == all_paths(300), f"{len(found)} of 300 documents")
        sizes = [path.stat().st_size for path in run.files()]
        want(len(sizes) > 10 and max(sizes) <= 16384, f"sizes of the files: {sizes}")
        want(all(path.stat().st_mode & 0o777 == 0o600 for path in run.files()), "not mode 0600")


def rotated_away():
    """When the number of files is reached the oldest go, and the log says so."""
    settings = ["output.file.rotate_every_kb=16", "output.file.number_of_files=2",
                "queue.mem.flush.min_events=10"]
    with Run(exchanges(300), "-t", settings=settings) as run:
        found = run.end()
        want(len(run.files()) == 3, f"files: {run.files()}")
        want(0 < len(found) < 300 and "/299" in paths(found), f"{len(found)} documents left")
        want("warn" in run.log().lower() and "removed" in run.log(), run.log())


# ── a full disk ──

def full_disk():
    """A replay waits and says so; when there is room again it goes on, and nothing is missing."""
    count = 1500
    with disks.small_disk(1024) as (disk, inside):
        if disk is None:
            return print("skipped full disk: no permission for a mount namespace")
        (disk / "filler").write_bytes(b"x" * 900 * 1024)
        settings = ["output.file.path=/mnt/out", "queue.mem.backoff.init=50ms",
                    "queue.mem.backoff.max=100ms", "output.file.rotate_every_kb=300",
                    "output.file.number_of_files=1000"]
        with Run(exchanges(count, body=b""), "-t", settings=settings, inside=inside) as run:
            run.until(lambda: "No space left" in run.log(), "a word about the full disk")
            time.sleep(0.3)
            want(run.process.poll() is None, "it did not wait")
            want(run.log().count("No space left") < 5, f"said too often: {run.log()[-800:]}")
            kept = []
            (disk / "filler").unlink()
            while run.process.poll() is None:  # the disk stays too small: take files as they get full
                kept += take_full(disk / "out")
                time.sleep(0.02)
            probe.check_end(run.process.wait(), run.log(), 0, run.command)
            kept += probe.read_documents(disk / "out")
            want(sorted(paths(kept)) == all_paths(count), f"{len(kept)} of {count} documents")


def take_full(folder):
    """The documents of all files but the newest, which are then removed."""
    taken = []
    for path in sorted(folder.glob("*"), key=probe.file_number)[:-1]:
        taken += [json.loads(line) for line in path.read_text().split("\n")[:-1]]
        path.unlink()
    return taken


TESTS = {
    "bad settings": [unknown_key, unknown_root_key, unknown_key_of_a_protocol, unknown_protocol,
                     unknown_output, not_a_duration, out_of_range, broken_yaml, both_roots,
                     one_port_twice, compatible_warns],
    "files": [writable_by_others, owned_by_another, permissions_not_checked, no_configuration,
              unwritable_output, no_capture, no_capture_but_text, folder_of_captures,
              folder_with_other_files],
    "command line": [nobody_reads, dumped, dump_unwritable],
    "signals": [second_signal, reopened, second_instance, one_data_path],
    "rotation": [rotated_away],
    "full disk": [full_disk],
}


def main():
    suite = probe.Suite(sys.argv[1:])
    for group, tests in TESTS.items():
        for test in tests:
            suite.add(group, test.__name__, test)
    for words in (["--nothing"], ["nothing"], ["-I"], ["help", "nothing"], ["export"], ["run", "now"]):
        suite.add("command line", " ".join(words), usage, *words)
    for numbers in ((signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT, signal.SIGTERM)):
        suite.add("signals", " ".join(one.name for one in numbers), stopped, *numbers)
    for workers in (1, 3):
        suite.add("rotation", f"by size, {workers} workers", rotated, workers)
    return 0 if suite.run() else 1


sys.exit(main())
