#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The disk queue: what was written is delivered, whatever ends the process.

Names come in order, so the counter disk_written tells which documents are obligations: the first so
many of the capture. Each has to be in the server's record at the end, whole; more than once is fine
after a kill.

  spool.py              ten kills, and the cases below
  spool.py --long [N]   N rounds (20) of ten kills each, other seeds
  spool.py CASE         one case; kills-SEED is one round of kills
"""
import contextlib
import http.client
import json
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import disk as disks  # noqa: E402
import elastic  # noqa: E402
import fake_es  # noqa: E402
import probe  # noqa: E402
import unix  # noqa: E402
from probe import want  # noqa: E402

MANY, KILLS = 20_000, 10


def key(source):
    """Fails on what is no whole document."""
    return json.loads(source)["dns"]["question"]["name"].removesuffix(".test")


class Place:
    """A folder with a disk queue that outlives each weir that runs there, and a server."""

    def __init__(self, folder, fake, queue=None, mem=None):
        self.folder, self.fake = pathlib.Path(folder), fake
        self.log_path = self.folder / "log"
        self.queue = {"max_size": "100MB", "segment_size": "1MB", "path": f"{folder}/queue", **(queue or {})}
        self.mem = {"events": 2000, "flush": {"timeout": "50ms", "min_events": 400}, **(mem or {})}
        self.output = {}
        self.process = None

    def config(self):
        path = elastic.configuration(self.folder, [f"http://127.0.0.1:{self.fake.port}"], self.output)
        config = json.loads(path.read_text())
        config["output"]["elasticsearch"]["backoff"] = {"init": "10ms", "max": "50ms"}
        config["queue"] = {"mem": self.mem, "disk": self.queue}
        config["weir"]["shutdown_timeout"] = "300ms"
        config["http"] = {"enabled": True, "host": f"unix://{self.folder}/sock"}
        path.write_text(json.dumps(config))
        return path

    def start(self, names, inside=()):
        elastic.write_capture(self.folder / "c.pcap", names)
        words = [*inside, *elastic.command(self.folder, self.folder / "c.pcap", self.config())]
        with self.log_path.open("w") as log:
            self.process = subprocess.Popen(words, stderr=log, stdout=log, stdin=subprocess.DEVNULL)
        self.words = words

    def log(self):
        return self.log_path.read_text(errors="replace")

    def counters(self):
        """Those of the output; none while nobody answers."""
        try:
            with contextlib.closing(unix.Connection(self.folder / "sock")) as connection:
                connection.request("GET", "/stats")
                return json.loads(connection.getresponse().read())["weir"]["output"]["elasticsearch"]
        except (OSError, http.client.HTTPException):
            return {}

    def until(self, holds, what):
        limit = time.monotonic() + probe.SECONDS
        while not holds(self.counters()):
            want(time.monotonic() < limit and self.process.poll() is None,
                 f"waited in vain for {what}: {self.counters()}\n{self.log()[-1500:]}")
            time.sleep(0.01)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.is_fine(None)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self, code=0):
        """Waits for its end; the rows of the ledger, and what it said."""
        found = self.process.wait(probe.SECONDS * 3)
        probe.check_end(found, self.log(), code, self.words)
        return elastic.columns(self.log()), self.log()

    def is_fine(self, code):
        for word in ("Sanitizer", "runtime error", "Assertion"):
            want(word not in self.log(), f"weir said «{word}» ({code})\n{self.log()[-1500:]}")

    def segments(self):
        return sorted(self.folder.glob("queue/elasticsearch/*.seg"))

    def found(self):
        return set(self.fake.all_documents())

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def place(**more):
    fake = fake_es.Fake(key=key)
    with tempfile.TemporaryDirectory(prefix="weir-spool-") as folder:
        one = Place(folder, fake, **more)
        try:
            yield one
        finally:
            one.close()
            fake.close()


def names(life, count):
    return [f"l{life:02}x{number:06}" for number in range(count)]


# ── kills ──

def life_and_death(one, rnd, life):
    """One life that ends at a random instant; the names that are obligations."""
    all_names = names(life, MANY)
    is_dead = rnd.random() < 0.4
    if is_dead:
        one.fake.kill()
    one.fake.faults = rnd.choice([{}, {"none": 3, "429": 1, "reset_after": 1, "partial": 1}])
    one.fake.pace = rnd.choice([0, 0, 0.02])
    one.start(all_names)
    if rnd.random() < 0.8:  # the others may end before they begin
        one.until(lambda counters: counters, "the endpoint")
    limit = time.monotonic() + rnd.choice([0.1, 0.4, 1.5]) * rnd.random() + 0.05
    written = 0
    while time.monotonic() < limit and one.process.poll() is None:
        written = one.counters().get("disk_written", written)
    one.kill()
    if is_dead:
        one.fake.revive()
    return all_names[:written]


def kills(seed):
    rnd = random.Random(seed)
    owed, lives = set(), []
    with place() as one:
        for life in range(KILLS):
            fresh = life_and_death(one, rnd, life)
            lives.append(len(fresh))
            owed |= set(fresh)
        one.fake.faults, one.fake.pace = {}, 0
        one.start(names(KILLS, 100))
        rows, log = one.end()
        missing = (owed | set(names(KILLS, 100))) - one.found()
        want(not missing, f"{len(missing)} of {len(owed)} documents are lost, {min(missing, default='')} is one; "
                          f"written in each life: {lives}; {rows}")
        want(rows["accepted"] + rows.get("recovered", 0) == rows["delivered"], f"{rows}")
        want(not rows.get("damaged"), f"a kill is no damage: {rows}")
        want(not one.segments(), f"left: {one.segments()}")
        print(f"    kills-{seed}: {len(owed)} documents owed after {KILLS} kills, "
              f"{rows.get('recovered', 0)} recovered in the last life, "
              f"{rows.get('damaged_bytes', 0)} bytes unfinished", flush=True)


# ── cases ──

def stop_and_go_on():
    """What one life leaves the next one finds, to the document."""
    with place() as one:
        one.fake.kill()
        left = 0
        for life in range(3):
            one.start(names(life, 5000))
            one.until(lambda c, wanted=5000 + left: c.get("spooled", 0) + c.get("waiting", 0) >= wanted,
                      "documents on disk")
            rows, log = one.stop()
            want(rows.get("recovered", 0) == left and rows["spooled"] == left + 5000, f"{rows}, {left} before")
            want(f"{rows['spooled']} documents stay in the disk queue" in log, log)
            left = rows["spooled"]
        one.fake.revive()
        one.start(names(3, 10))
        rows, _ = one.end()
        want(rows["recovered"] == left and rows["delivered"] == left + 10, f"{rows}")
        want(len(one.fake.all_documents()) == len(one.found()) == left + 10, "not each once")
        want(not one.segments(), f"left: {one.segments()}")


def only_what_finds_no_room():
    """when_full: spool writes nothing while the server keeps up, and everything else when not."""
    with place(mem={"when_full": "spool", "events": 8000}) as one:
        one.start(names(0, 3000))
        rows, _ = one.end()
        want(rows["delivered"] == 3000 and "disk_written" not in rows, f"{rows}")
        one.fake.kill()
        one.start(names(1, 20000))
        one.until(lambda c: c.get("spooled", 0) + c.get("waiting", 0) == 20000, "documents on disk")
        rows, _ = one.stop()
        want(rows["spooled"] == 20000 and "shed" not in rows, f"{rows}")
        one.fake.revive()
        one.start(names(2, 1))
        rows, _ = one.end()
        want(rows["recovered"] == 20000 and rows["delivered"] == 20001, f"{rows}")


def damaged():
    """Bytes are changed, cut off and put in between two lives: the rest arrives, all is counted."""
    rnd = random.Random(5)
    with place() as one:
        one.fake.kill()
        one.start(names(0, 20000))
        one.until(lambda c: c.get("spooled", 0) + c.get("waiting", 0) == 20000, "documents on disk")
        one.stop()
        files = one.segments()
        want(len(files) > 5, f"{len(files)} segments")
        for file in files[:-1:2]:
            data = bytearray(file.read_bytes())
            data[rnd.randrange(len(data))] ^= 1 << rnd.randrange(8)
            file.write_bytes(data)
        data = files[-1].read_bytes()
        files[-1].write_bytes(data[:len(data) - 1000])
        files[1].write_bytes(rnd.randbytes(3000) + files[1].read_bytes()[3000:] + b"\0" * 500)
        one.fake.revive()
        one.start(names(1, 1))
        rows, log = one.end()
        want(rows["recovered"] + 1 == rows["delivered"] + rows.get("damaged", 0), f"{rows}")
        want(rows.get("damaged_bytes", 0) > 3000 and "the disk queue is damaged" in log, f"{rows}\n{log}")
        want(10000 < len(one.found()) == rows["delivered"] < 20000, f"{len(one.found())} arrived: {rows}")


def full_disk():
    """Memory takes over, a file waits; when the server is back everything goes on."""
    count = 20_000
    with disks.small_disk(2048) as (disk, inside):
        if disk is None:
            return print("skipped full disk: no permission for a mount namespace")
        with place(queue={"path": "/mnt/queue"}) as one:
            one.fake.kill()
            one.start(names(0, count), inside)
            one.until(lambda c: c.get("disk_errors", 0) > 1 and c["waiting"] > 1000, "a full disk")
            want(re.search("cannot write to /mnt/queue/elasticsearch: No space left", one.log()), one.log())
            want(one.log().count("No space left") < 3, f"said too often: {one.log()}")
            counters = one.counters()
            want(0 < counters["spooled"] < count - 3000 and not counters["shed"], f"{counters}")
            one.fake.revive()
            rows, _ = one.end()
            want(rows["delivered"] == count and "shed" not in rows, f"{rows}")
            want(one.found() == set(names(0, count)), f"{len(one.found())} arrived")


def letters_beside_it():
    """What is refused goes to the file, wherever that is."""
    with place() as one, tempfile.TemporaryDirectory(prefix="weir-letters-") as letters:
        one.fake.poison = b"l00x0000"
        one.output = {"dead_letter_file": f"{letters}/dead"}
        one.start(names(0, 1000))
        rows, _ = one.end()
        want(rows["delivered"] == 900 and rows["dead_letters"] == 100 and "refused" not in rows, f"{rows}")
        lines = [json.loads(line) for line in pathlib.Path(letters, "dead").open()]
        kept = {key(json.dumps(line["document"])) for line in lines}
        want(kept == set(names(0, 100)), f"{len(lines)} lines, {len(kept)} documents")
        want(all(line["output"] == "elasticsearch" and line["error"]["message"] for line in lines),
             f"{lines[0]}")


def one_path_for_two():
    """Two processes with a data path each, but one disk queue: the second refuses."""
    with place() as one, place(queue={"path": f"{one.folder}/queue"}) as other:
        one.fake.kill()
        one.start(names(0, 10))
        one.until(lambda c: c.get("waiting", 0) == 10, "documents")
        other.start(names(0, 10))
        want(other.process.wait(probe.SECONDS) == 1, "it starts")
        want("queue.disk: " in other.log() and "is in use by another process" in other.log(), other.log())


CASES = [stop_and_go_on, only_what_finds_no_room, damaged, full_disk, letters_beside_it, one_path_for_two]


def main():
    words = sys.argv[1:]
    long = "--long" in words
    rounds = next((int(word) for word in words if word.isdigit()), 20) if long else 1
    wanted = [word for word in words if not word.startswith("--") and not word.isdigit()]
    suite = probe.Suite()
    for case in CASES:
        if not wanted and not long or case.__name__ in wanted:
            suite.add("disk queue", case.__name__, case)
    for word in wanted:
        if word.startswith("kills-"):
            suite.add("kills", word, kills, int(word.removeprefix("kills-")))
    for seed in range(1, rounds + 1) if not wanted else ():
        suite.add("kills", f"kills-{seed}", kills, seed)
    return 0 if suite.run() else 1


if __name__ == "__main__":
    sys.exit(main())
