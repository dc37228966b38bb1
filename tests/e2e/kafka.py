#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Documents to Kafka brokers that misbehave: none is lost, whatever they do. The brokers are
librdkafka's mock cluster in a process of its own (kafka_mock.c).

An event is an obligation once the output accepted it. When the faults have stopped, each is in the
topic, in the topic for dead letters, or counted as refused, too large or shed. Each schedule of
faults is drawn from its number:

  kafka.py                 a few small schedules, and the cases below
  kafka.py --long [N]      schedules 1 to N (20) of 50,000 events each
  kafka.py --schedule N    one of them; with --long of the large kind
  kafka.py CASE            one case
"""
import collections
import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import elastic
import probe
from probe import want

SMALL, LARGE = 3000, 50_000
BROKERS = 3
MOCK = pathlib.Path(os.environ.get("KAFKA_MOCK", probe.WEIR.parent / "kafka_mock"))

# What produce requests are answered with: hang-ups, weather, errors that say nothing of why.
FAULTS = {"transport": -195, "leader moved": 6, "no leader": 5, "timed out": 7,
          "few replicas": 19, "too few afterwards": 20, "not there": 3, "forbidden": 29,
          "too large": 10, "poison": 87, "away": 8, "throttled": 89}

QUICK = {"reconnect.backoff.max.ms": 200, "retry.backoff.ms": 50}

Message = collections.namedtuple("Message", "partition time key headers name value")


# ── brokers ──

class Mock:
    """The cluster; what it was told is done when a call returns."""

    def __init__(self, brokers=BROKERS):
        self.process = subprocess.Popen([str(MOCK), str(brokers)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.lock = threading.Lock()
        self.hosts = self.process.stdout.readline().strip().split(",")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def ask(self, *words):
        with self.lock:
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().strip()
        want(answer.startswith("ok"), f"the mock cluster said to {words}: {answer}")
        return answer

    def read(self, topic):
        with tempfile.NamedTemporaryFile() as file:
            self.ask("read", topic, file.name)
            return [message(line) for line in file.read().splitlines()]


def message(line):
    partition, when, key, headers, value = line.split(b"\t", 4)
    name = elastic.NAME.search(value)
    return Message(int(partition), int(when), key.decode(), headers.decode(),
                   name[1].decode() if name else None, value)


@contextlib.contextmanager
def cluster(*topics, brokers=BROKERS):
    mock = Mock(brokers)
    try:
        for topic in topics or ["events 4"]:
            mock.ask("topic", *topic.split())
        yield mock
    finally:
        mock.close()


# ── runs ──

def configuration(folder, hosts, output=None, compat=False, **more):
    """Times are short, so that what waits for the next try does not wait long."""
    settings = {"hosts": hosts, "topic": "events", "compression": "lz4", "timeout": "5s",
                "backoff": {"init": "20ms", "max": "200ms"}, "librdkafka": QUICK}
    config = {"packetbeat" if compat else "weir": {"protocols": [{"type": "dns", "ports": [53]}]},
              "output": {"kafka": {**settings, **(output or {})}}, "path": {"home": str(folder)},
              "queue": {"mem": {"flush": {"timeout": "50ms"}}},
              "logging": {"metrics": {"enabled": False}, "json": False}, **more}
    path = pathlib.Path(folder, "weir.yml")
    path.write_text(json.dumps(config, indent=1))
    path.chmod(0o600)
    return path


def columns(log):
    """The rows of the output in the table at the end of a run."""
    table = log[log.index("\noutput.kafka "):].splitlines()[1:]
    rows = {"accepted": int(table[0].split()[1])}
    for line in table[1:]:
        if not line.startswith("  "):
            break
        rows[line.split()[0]] = int(line.split()[1])
    return rows


def run(folder, config, seconds=240, code=0):
    words = elastic.command(folder, folder / "load.pcap", config)
    done = subprocess.run(words, capture_output=True, timeout=seconds)
    log = done.stderr.decode(errors="replace")
    probe.check_end(done.returncode, log, code, words)
    return (columns("\n" + log) if "\noutput.kafka" in log else {}), log


def ended(process, code=0, seconds=240):
    process.log = process.communicate(timeout=seconds)[1]
    probe.check_end(process.returncode, process.log, code, process.words)
    return columns("\n" + process.log)


def names_of(count):
    return [f"q{number:07}" for number in range(count)]


def simple(mock, output=None, events=SMALL, compat=False, **more):
    """One run against the cluster: what it says of the output, its log."""
    with elastic.place() as folder:
        elastic.write_capture(folder / "load.pcap", names_of(events))
        return run(folder, configuration(folder, mock.hosts, output, compat, **more))


# ── the oracle ──

def judge(names, messages, letters, rows):
    """Every name is in its column."""
    found, dead = {one.name for one in messages}, {one.name for one in letters}
    let_go = sum(rows.get(column, 0) for column in ("refused", "too_large", "shed"))
    want(rows["accepted"] == len(names), f"{rows['accepted']} accepted of {len(names)}")
    missing = set(names) - found - dead
    want(len(missing) <= let_go, f"{len(missing)} documents are nowhere, {let_go} are counted as let "
                                 f"go; one of them: {min(missing, default=None)}; {rows}")
    want(found <= set(names) and dead <= set(names), "documents that nobody sent")
    want(rows.get("delivered", 0) <= len(messages), f"{rows['delivered']} delivered, but only "
                                                    f"{len(messages)} messages are there")
    want(rows.get("dead_letters", 0) <= len(letters), f"{len(letters)} dead letters, {rows}")


def draw_output(rnd):
    output = {"compression": rnd.choice(["none", "gzip", "snappy", "lz4", "zstd"]),
              "workers": rnd.choice([1, 2, 4]), "bulk_max_size": rnd.choice([50, 400, 2048]),
              "required_acks": rnd.choice([-1, -1, 1]), "timeout": rnd.choice(["1s", "3s"]),
              "partition": rnd.choice([{"hash": {}}, {"random": {}},
                                       {"round_robin": {"reachable_only": True}}])}
    if rnd.random() < 0.5:
        output["key"] = "%{[client.port]}"
    if rnd.random() < 0.5:
        output["headers"] = [{"key": "type", "value": "%{[type]}"}]
    if rnd.random() < 0.4:
        output["dead_letter_topic"] = "letters"
    return output


def trouble(mock, rnd, partitions, until, log):
    """Errors, brokers that go and come, leaders that move; at the end all is well."""
    faults = rnd.sample(sorted(FAULTS), rnd.randint(1, len(FAULTS)))
    down = set()
    while time.monotonic() < until:
        kind = rnd.choice(["errors", "errors", "slow", "down", "leader", "nobody"])
        broker = rnd.randint(1, BROKERS)
        if kind == "errors":
            drawn = rnd.choices(faults, k=rnd.randint(1, 4))
            log.update(drawn)
            mock.ask("errors", *[FAULTS[one] for one in drawn])
        elif kind == "slow":
            mock.ask("slow", broker, rnd.choice([0, FAULTS["timed out"]]), rnd.choice([50, 1500]))
        elif kind == "down" and broker not in down:
            mock.ask("down", broker)
            down.add(broker)
        elif kind == "leader":
            mock.ask("leader", "events", rnd.randrange(partitions), broker)
        elif kind == "nobody":
            mock.ask("leader", "events", rnd.randrange(partitions), -1)
        log[kind] += 1
        time.sleep(rnd.uniform(0.02, 0.3))
        if down and rnd.random() < 0.4:
            mock.ask("up", down.pop())
    for broker in down:
        mock.ask("up", broker)
    for partition in range(partitions):
        mock.ask("leader", "events", partition, rnd.randint(1, BROKERS))
    mock.ask("clear")


def schedule(number, events, seconds):
    rnd = random.Random(number)
    # The mock keeps 5 MiB of a partition.
    partitions = 64 if events > SMALL else rnd.choice([1, 4, 16])
    names, output, compat = names_of(events), draw_output(rnd), rnd.random() < 0.3
    log = collections.Counter()
    with elastic.place() as folder, cluster(f"events {partitions}", "letters 4") as mock:
        elastic.write_capture(folder / "load.pcap", names)
        config = configuration(folder, mock.hosts, output, compat)
        worker = threading.Thread(target=trouble, daemon=True, args=(
            mock, rnd, partitions, time.monotonic() + seconds, log))
        worker.start()
        rows, _ = run(folder, config)
        worker.join()
        messages = mock.read("events")
        judge(names, messages, mock.read("letters"), rows)
    again = len(messages) - len({one.name for one in messages})
    told = ", ".join(f"{count} {kind}" for kind, count in log.most_common(4))
    return (f"{len(names)} events, {rows.get('delivered', 0)} delivered, "
            f"{rows.get('dead_letters', 0)} dead letters, {rows.get('refused', 0)} refused, "
            f"{rows.get('shed', 0)} shed, {rows.get('retries', 0)} sent again, {again} there twice; "
            f"{told}")


# ── cases: all is well ──

def case_all_is_well_with_each_codec():
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        with cluster() as mock:
            rows, log = simple(mock, {"compression": codec}, 1000)
            want(rows["delivered"] == 1000 and rows["parcels"] < 20, f"{rows}")
            messages = mock.read("events")
            want(len(messages) == 1000, f"{codec}: {len(messages)} messages")
            want(all(json.loads(one.value)["@metadata"]["type"] == "_doc" for one in messages),
                 "a message is no document")


def case_values_are_the_documents():
    """Messages hold what a file would, the event's time is theirs."""
    with cluster() as mock, elastic.place() as folder:
        elastic.write_capture(folder / "load.pcap", names_of(500))
        config = configuration(folder, mock.hosts)
        words = elastic.command(folder, folder / "load.pcap", config)
        done = subprocess.run([*words, "-E", f"output.file.path={folder}/out"], capture_output=True)
        want(done.returncode == 0, done.stderr.decode())
        lines = {line for path in folder.glob("out/*") for line in path.read_bytes().splitlines()}
        messages = mock.read("events")
        want({one.value for one in messages} == lines, "messages differ from the lines of a file")
        want(min(one.time for one in messages) == 1_700_000_000_000, "not the events' time")


def fnv1a(text):
    value = 0x811C9DC5
    for byte in text:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value & 0x7FFFFFFF


def case_keys_choose_partitions():
    with cluster("events 7") as mock:
        simple(mock, {"key": "k%{[client.port]}"})
        messages = mock.read("events")
        want(len(messages) == SMALL, f"{len(messages)}")
        wrong = [one for one in messages if fnv1a(one.key.encode()) % 7 != one.partition]
        want(not wrong, f"{len(wrong)} are in other partitions, {wrong[:1]}")


def case_fields_choose_partitions():
    """Texts count as they are, whole numbers as eight bytes, the lowest first."""
    with cluster("events 5") as mock:
        simple(mock, {"partition": {"hash": {"hash": ["type", "client.port"]}}})
        for one in mock.read("events"):
            port = json.loads(one.value)["client"]["port"]
            want(fnv1a(b"dns" + port.to_bytes(8, "little")) % 5 == one.partition,
                 f"port {port} is in partition {one.partition}")


def case_round_robin_is_even():
    with cluster("events 4") as mock:
        simple(mock, {"partition": {"round_robin": {"group_events": 10}}}, 4000)
        found = collections.Counter(one.partition for one in mock.read("events"))
        want(set(found.values()) == {1000}, f"{found}")


def case_a_hash_that_must_be_is_missed():
    with cluster() as mock:
        rows, log = simple(mock, {"partition": {"hash": {"hash": ["nowhere"], "random": False}}}, 100)
        want(rows.get("refused") == 100 and "delivered" not in rows, f"{rows}")
        want("partition.hash" in log, log)


def case_topics_keys_and_headers_by_event():
    with cluster("events 2", "other 2", "dns-2023 2") as mock:
        output = {"topic": "%{[type]}-%{+yyyy}", "key": "%{[nothing]:none}",
                  "topics": [{"topic": "other", "when": {"contains": {"dns.question.name": "q0000007"}}}],
                  "headers": [{"key": "one", "value": "1"}, {"key": "type", "value": "%{[type]}"},
                              {"key": "no", "value": "%{[nothing]}"}]}
        rows, _ = simple(mock, output, 300)
        want(rows["delivered"] == 300, f"{rows}")
        other, main = mock.read("other"), mock.read("dns-2023")
        want(len(other) == 1 and len(main) == 299, f"{len(other)}, {len(main)}")
        want(all(one.headers == "one=1;type=dns" and one.key == "none" for one in main), f"{main[0]}")


def case_no_topic_is_refused_and_counted():
    with cluster("events 2") as mock:
        rows, log = simple(mock, {"topic": "x%{[nothing]}"}, 100)
        want(rows.get("refused") == 100, f"{rows}")
        want("lack a field" in log and "see topic" in log, log)
        rows, log = simple(mock, {"topic": "x%{[nothing]}", "dead_letter_topic": "events"}, 100)
        letters = mock.read("events")
        want(rows.get("dead_letters") == 100 == len(letters), f"{rows}")
        want(all("error=no topic" in one.headers for one in letters), letters[0].headers)


# ── cases: too large ──

LONG = {"fields": {"long": "y" * 3000}}


def case_too_large_is_refused_cut_or_put_aside():
    with cluster("events 2", "letters 2") as mock:
        rows, log = simple(mock, {"max_message_bytes": 3000}, 300, **LONG)
        want(rows.get("too_large") == 300 and not mock.read("events"), f"{rows}")
        want("see max_message_bytes" in log and "yyy" not in log, log)
        rows, log = simple(mock, {"max_message_bytes": 3000, "dead_letter_topic": "letters"}, 300, **LONG)
        letters = mock.read("letters")
        want(rows.get("dead_letters") == 300 == len(letters), f"{rows}")
        want(all("error=too large;topic=events" in one.headers for one in letters), letters[0].headers)
        want(all(len(one.value) <= 3000 and json.loads(one.value) for one in letters), "letters")
        rows, log = simple(mock, {"max_message_bytes": 3000, "oversize": "truncate"}, 300, **LONG)
        cut = mock.read("events")
        want(rows.get("delivered") == 300 == len(cut), f"{rows}")
        want(all(json.loads(one.value)["fields"]["long"].endswith("y…") for one in cut), "no mark")


def case_batches_shrink_to_what_brokers_take():
    with cluster() as mock:
        mock.ask("errors", *[FAULTS["too large"]] * 12)
        rows, _ = simple(mock)
        want(rows["delivered"] == SMALL and "too_large" not in rows, f"{rows}")
        judge(names_of(SMALL), mock.read("events"), [], rows)


def case_a_refused_batch_is_halved():
    """One poisoned batch costs no document when its halves are fine."""
    with cluster("events 1") as mock:
        mock.ask("errors", FAULTS["poison"])
        rows, _ = simple(mock)
        want(rows["delivered"] == SMALL and "refused" not in rows, f"{rows}")


# ── cases: nobody takes them ──

def case_nothing_but_refusals_loses_nothing():
    """Every batch is refused: it is not the documents. They wait until somebody mends it."""
    with cluster("events 1") as mock, elastic.place() as folder:
        for _ in range(20):
            mock.ask("errors", *[FAULTS["poison"]] * 200)
        elastic.write_capture(folder / "load.pcap", names_of(500))
        config = configuration(folder, mock.hosts)
        with elastic.started(folder, config) as process:
            time.sleep(1.5)
            want(process.poll() is None, "it ended")
            mock.ask("clear")
            rows = ended(process)
        want(rows["delivered"] == 500 and "refused" not in rows, f"{rows}")


def kept_until(mock, prepare, mend, *words, output=None):
    """Documents wait while the cluster is as `prepare` left it; the log has the words, once."""
    with elastic.place() as folder:
        elastic.write_capture(folder / "load.pcap", names_of(500))
        config = configuration(folder, mock.hosts, output)
        prepare()
        with elastic.started(folder, config) as process:
            time.sleep(3)
            want(process.poll() is None, "it ended")
            mend()
            rows = ended(process)
        want(rows["delivered"] == 500 and "shed" not in rows, f"{rows}")
        for word in words:
            want(word in process.log, f"no «{word}» in {process.log}")
            want(process.log.count(word) <= 3, f"«{word}» again and again")


def case_a_missing_topic_is_waited_for():
    with cluster() as mock:
        kept_until(mock, lambda: mock.ask("topic_error", "events", 3),
                   lambda: mock.ask("topic_error", "events", 0), "topic events", "create the topic",
                   output={"headers": [{"key": "a", "value": "b"}]})


def case_a_missing_topic_holds_up_no_other():
    with cluster("events 1", "missing 1") as mock:
        mock.ask("topic_error", "missing", 3)
        with elastic.place() as folder:
            elastic.write_capture(folder / "load.pcap", names_of(500))
            rule = {"topic": "missing", "when": {"contains": {"dns.question.name": "q00000"}}}
            config = configuration(folder, mock.hosts, {"topics": [rule]})
            with elastic.started(folder, config) as process:
                elastic.wait_for(lambda: len(mock.read("events")) == 400, 20)
                mock.ask("topic_error", "missing", 0)
                rows = ended(process)
            want(rows["delivered"] == 500, f"{rows}")


def case_a_forbidden_topic_is_waited_for():
    with cluster() as mock:
        kept_until(mock, lambda: mock.ask("errors", *[FAULTS["forbidden"]] * 200),
                   lambda: mock.ask("clear"), "see username, topic")


def case_brokers_that_are_away_are_waited_for():
    def down(word):
        for broker in range(1, BROKERS + 1):
            mock.ask(word, broker)
    with cluster() as mock:
        kept_until(mock, lambda: down("down"), lambda: down("up"), "see hosts")


def case_a_topic_that_vanishes_in_mid_run():
    """Headers were librdkafka's by then, or still ours."""
    with cluster() as mock, elastic.place() as folder:
        elastic.write_capture(folder / "load.pcap", names_of(20_000))
        config = configuration(folder, mock.hosts, {
            "headers": [{"key": "a", "value": "b"}], "metadata.refresh_frequency": "1s",
            "librdkafka": {"topic.metadata.propagation.max.ms": 0,
                           "topic.metadata.refresh.interval.ms": 50}, "bulk_max_size": 100})
        mock.ask("rtt", 1, 20)
        with elastic.started(folder, config) as process:
            for _ in range(4):
                time.sleep(0.3)
                mock.ask("topic_error", "events", 3)
                time.sleep(0.3)
                mock.ask("topic_error", "events", 0)
            mock.ask("rtt", 1, 0)
            rows = ended(process)
        judge(names_of(20_000), mock.read("events"), [], rows)
        want(rows["delivered"] == 20_000, f"{rows}")


def case_a_dead_client_is_replaced():
    """Out of sequence at the first message of a producer is fatal to it."""
    with cluster("events 1") as mock:
        mock.ask("errors", 45, 59, 45)
        rows, log = simple(mock)
        judge(names_of(SMALL), mock.read("events"), [], rows)
        want(rows["delivered"] == SMALL, f"{rows}")


def case_a_full_queue_waits():
    with cluster() as mock:
        rows, _ = simple(mock, {"librdkafka": {"queue.buffering.max.messages": 20}})
        want(rows["delivered"] == SMALL and "retries" not in rows, f"{rows}")


# ── cases: settings, stopping ──

def case_stop_does_not_hang():
    """Who waited for the answer would see the documents delivered."""
    with cluster() as mock, elastic.place() as folder:
        for broker in range(1, BROKERS + 1):
            mock.ask("slow", broker, 0, 60_000)
        elastic.write_capture(folder / "load.pcap", names_of(100))
        config = configuration(folder, mock.hosts, {"timeout": "100s"})
        with elastic.started(folder, config, "-E", "weir.shutdown_timeout=300ms") as process:
            time.sleep(1.5)
            process.send_signal(signal.SIGTERM)
            rows = ended(process, code=None)
            want(rows.get("shed") == 100 and "delivered" not in rows, f"a stop waits: {rows}")


def case_unknown_properties_are_refused():
    with elastic.place() as folder:
        config = configuration(folder, ["127.0.0.1:1"], {"librdkafka": {"no.such.property": 1}})
        elastic.write_capture(folder / "load.pcap", names_of(1))
        line = next(n for n, text in enumerate(config.read_text().splitlines(), 1) if "no.such" in text)
        _, log = run(folder, config, code=1)
        want(f"weir.yml:{line}" in log and "no.such.property" in log, log)


def case_test_output_says_each_step():
    with cluster() as mock, elastic.place() as folder:
        for hosts, output, code, words in (
                (mock.hosts, {}, 0, ["dial up... OK", "brokers: 3", "topic... OK"]),
                (["127.0.0.1:1"], {}, 1, ["dial up... ERROR", "see hosts"]),
                (mock.hosts, {"ssl": {"verification_mode": "none"}}, 1, ["talk to cluster... ERROR"])):
            config = configuration(folder, hosts, output)
            done = subprocess.run([probe.WEIR, "test", "output", "-c", config], capture_output=True,
                                  text=True)
            want(done.returncode == code, f"{done.returncode} {done.stdout}{done.stderr}")
            want(all(word in done.stdout for word in words), f"{words}: {done.stdout}")


def case_numbers_come_into_the_log():
    with cluster() as mock:
        for broker in range(1, BROKERS + 1):
            mock.ask("rtt", broker, 400)
        rows, log = simple(mock, {"statistics": "200ms"}, 2000)
        want("numbers of the client" in log and "messages_sent" in log, log)


# ── which ──

CASES = {name[5:]: case for name, case in list(globals().items()) if name.startswith("case_")}


def main(words):
    long = "--long" in words
    words = [word for word in words if word != "--long"]
    me = f"WEIR={probe.WEIR} python3 {__file__}"
    numbers, cases = (range(1, 5), CASES) if not long else (range(1, 21), {})
    if words and words[0] == "--schedule":
        numbers, cases = [int(words[1])], {}
    elif words and words[0] in CASES:
        numbers, cases = [], {words[0]: CASES[words[0]]}
    elif words:
        numbers = range(1, int(words[0]) + 1)
    events, seconds = (LARGE, 6) if long else (SMALL, 1.5)
    good = [elastic.attempt(name.replace("_", " "), case, f"{me} {name}")
            for name, case in cases.items()]
    good += [elastic.attempt(f"schedule {number}", lambda n=number: schedule(n, events, seconds),
                             f"{me} --schedule {number}{' --long' if long else ''}")
             for number in numbers]
    print(f"{sum(good)} of {len(good)} hold")
    return 0 if all(good) else 1


if __name__ == "__main__":
    if not MOCK.exists():
        sys.exit(f"{MOCK} is not built")
    sys.exit(main(sys.argv[1:]))
