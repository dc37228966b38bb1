# SPDX-License-Identifier: Apache-2.0
"""Runs weir over captures for the tests, and compares the documents it writes.

A run has a folder of its own for its configuration, its data and its output, so that any number
may go on at once. What differs from machine to machine is taken out of documents by `normal`.
"""
import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden"
WEIR = pathlib.Path(os.environ.get("WEIR", ROOT / "build/asan/weir")).resolve()
SECONDS = 60  # for one run; a run takes 0.1
LINES = int(os.environ.get("WEIR_LINES", 8))  # of its log that are shown when it failed

# A run mostly waits, so more of them than processors; TSan needs the memory for itself.
AT_ONCE = int(os.environ.get("WEIR_AT_ONCE", 4 * (os.cpu_count() or 1)))

# `counters`: what the table at the end of a run says, 0 for what it leaves out.
Result = collections.namedtuple("Result", "code documents counters log command")


class Failure(Exception):
    """A test that did not hold; the text says what was wanted and what was found."""


def want(holds, text):
    if not holds:
        raise Failure(text)


# ── running ──

def arguments(folder, config, capture, more=(), settings=()):
    """The command of a run. The output is as small and as quick as it can be."""
    fixed = [f"output.file.path={folder}/out", "output.file.filename=documents",
             "output.file.rotate_every_kb=1048576", f"path.home={folder}",
             "queue.mem.flush.timeout=10ms", "logging.metrics.enabled=false", *settings]
    command = [str(WEIR), "run", "-e", "-c", str(config), "-I", str(capture)]
    return command + [word for one in fixed for word in ("-E", one)] + list(more)


def read_documents(folder):
    """All documents below a folder; each must be one object on a line, no key twice."""
    def no_key_twice(pairs):
        names = [name for name, _ in pairs]
        want(len(names) == len(set(names)), f"a key comes twice among {names}")
        return dict(pairs)

    documents = []
    for path in sorted(pathlib.Path(folder).glob("*.ndjson*"), key=file_number):
        text = path.read_bytes().decode("utf-8")
        want(text == "" or text.endswith("\n"), f"{path.name} does not end with a whole line")
        lines = text.split("\n")[:-1]  # not splitlines: documents hold U+2028 as it is
        documents += [json.loads(line, object_pairs_hook=no_key_twice) for line in lines]
    return documents


def file_number(path):
    """documents-20260102.ndjson, then -1, -2, …, -10"""
    found = re.search(r"-(\d{8})(?:-(\d+))?\.ndjson$", path.name)
    return (found[1], int(found[2] or 0)) if found else (path.name, 0)


def run(capture, config, *more, settings=(), code=0, stdin=None, full_speed=True):
    """One run over a file; `code` None: any that is no crash. The ledger must balance."""
    with tempfile.TemporaryDirectory(prefix="weir-e2e-") as folder:
        command = arguments(folder, config, capture, [*(["-t"] if full_speed else []), *more],
                            settings)
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=SECONDS, cwd=folder,
                              stdin=None if stdin is not None else subprocess.DEVNULL)
        log = done.stderr.decode(errors="replace")
        check_end(done.returncode, log, code, command)
        return Result(done.returncode, read_documents(f"{folder}/out"), counters(log), log, command)


def counters(log):
    rows = re.findall(r"^ *([a-z_.]+) +(\d+)(?:  .*)?$", log, flags=re.M)
    return collections.Counter({name: int(number) for name, number in rows})


def check_end(found, log, code, command):
    """No crash, no sanitizer's word, the exit code that was wanted, a ledger that balances."""
    said = "\n".join(f"    {line}" for line in log.splitlines()[-LINES:])
    again = f"\n  command: {shlex.join(map(str, command))}\n  it ended with:\n{said}"
    want(found in (0, 1, 2), f"weir died with {found}{again}")
    for word in ("Sanitizer", "runtime error", "Assertion", "the ledger does not balance"):
        want(word not in log, f"weir said «{word}»{again}")
    want(code is None or found == code, f"exit code {found}, wanted {code}{again}")


# ── comparing ──

MACHINE = ("agent.id", "agent.ephemeral_id", "agent.name", "agent.version", "host.name",
           "@metadata.version")
TIMES = ("@timestamp", "event.start", "event.end", "event.duration", "http.request.end",
         "http.response.time_to_first_byte")
# what repeating and cutting up segments changes in a flow: how often, not what
COUNTS = ("source.packets", "destination.packets", "network.packets", "source.bytes",
          "destination.bytes", "network.bytes", "source.tcp", "destination.tcp",
          "flow.tcp.handshake")


def without(document, *paths):
    """A copy that lacks some dotted paths; what is empty then goes too."""
    copy = json.loads(json.dumps(document))
    for path in paths:
        *above, last = path.split(".")
        holders = [copy]
        for name in above:
            holders.append(holders[-1].get(name, {}))
        holders[-1].pop(last, None)
        for holder, name in zip(reversed(holders[:-1]), reversed(above)):
            if holder.get(name) == {}:
                del holder[name]
    return copy


def line_of(document):
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def place(document):
    """Orders documents by when and what, whatever order they were written in."""
    return (document.get("@timestamp", ""), document.get("type", ""),
            document.get("network", {}).get("community_id", ""), line_of(document))


def normal(documents, *less):
    """Documents in a fixed order, without what depends on the machine, and without `less`."""
    return sorted((without(one, *MACHINE, *less) for one in documents), key=place)


def transactions(documents):
    return [one for one in documents if one.get("type") != "flow"]


def flat(document, path=""):
    """Dotted path → value."""
    if not isinstance(document, dict) or not document:
        return {path: document}
    found = {}
    for name, value in document.items():
        found |= flat(value, f"{path}.{name}" if path else name)
    return found


def title(document):
    values = flat(document)
    return " ".join(str(values[key]) for key in ("type", "@timestamp", "network.community_id", "query")
                    if key in values)


def difference(wanted, found):
    """Two documents, field by field."""
    left, right = flat(wanted), flat(found)
    lines = []
    for path in sorted(left.keys() | right.keys()):
        if path not in right:
            lines.append(f"    - {path}: {shown(left[path])}")
        elif path not in left:
            lines.append(f"    + {path}: {shown(right[path])}")
        elif left[path] != right[path]:
            lines.append(f"    ~ {path}: {shown(left[path])} → {shown(right[path])}")
    return lines


def shown(value, room=120):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= room else text[:room] + f"… ({len(text)} characters)"


def differences(wanted, found):
    """Lines that say how two sorted lists of documents differ; none if they are equal.

    What is on one side only is paired with the most similar document of the other side.
    """
    left, right = collections.Counter(map(line_of, wanted)), collections.Counter(map(line_of, found))
    missing = [json.loads(one) for one in sorted((left - right).elements())]
    added = [json.loads(one) for one in sorted((right - left).elements())]
    lines = []
    for one in missing:
        twin = min(added, key=lambda other: len(difference(one, other)), default=None)
        if twin is None or len(difference(one, twin)) > len(flat(one)) // 2:
            lines.append(f"  missing: {title(one)}")
            continue
        added.remove(twin)
        lines += [f"  differs: {title(one)}", *difference(one, twin)]
    lines += [f"  not expected: {title(one)}" for one in added]
    return lines


def want_same(wanted, found, *less):
    lines = differences(normal(wanted, *less), normal(found, *less))
    more = [f"  and {len(lines) - 40} lines more"] if len(lines) > 40 else []
    want(not lines, "\n".join(["documents differ (- wanted, + found):", *lines[:40], *more]))


# ── many tests ──

class Suite:
    """Named tests in groups: one line for each group, and what failed with how to repeat it."""

    def __init__(self, only=()):
        self.only = only
        self.groups = collections.defaultdict(list)

    def add(self, group, name, function, *values):
        full = f"{group}/{name}"
        if all(text in full for text in self.only):
            self.groups[group].append((full, function, values))

    def run(self):
        if not os.access(WEIR, os.X_OK):
            print(f"there is no {WEIR}: build it, or name another with WEIR=PATH")
            return False
        failed = 0
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for group, tests in self.groups.items():
                failed += self.run_group(pool, group, tests)
        print(f"{sum(map(len, self.groups.values()))} tests, {failed} failed")
        return failed == 0

    def run_group(self, pool, group, tests):
        began = time.monotonic()
        failures = 0
        for (name, _, _), why in zip(tests, pool.map(self.run_one, tests)):
            failures += why is not None
            if why is not None and failures <= 3:
                print(f"FAILED {name}: {why}\n  repeat: {repeat(name)}")
        took = time.monotonic() - began
        print(f"{group:<28} {len(tests) - failures:>5} of {len(tests)} {took:7.1f} s", flush=True)
        return failures

    @staticmethod
    def run_one(test):
        _, function, values = test
        try:
            function(*values)
        except Failure as why:
            return str(why)
        except subprocess.TimeoutExpired as why:
            return f"no end after {why.timeout} s: {shlex.join(map(str, why.cmd))}"
        except Exception as why:  # a test that breaks has failed too, the others go on
            return f"{type(why).__name__}: {why}"
        return None


def repeat(name):
    program = pathlib.Path(sys.argv[0]).resolve()
    with contextlib.suppress(ValueError):
        program = program.relative_to(ROOT)
    return f"WEIR={WEIR} {program} {shlex.quote(name)}"
