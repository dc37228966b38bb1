#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Documents to a genuine Kafka broker: a consumer reads back exactly what was produced, however one
logs in, and a broker killed in mid-run loses nothing and stores nothing twice.

  kafka_real.py [TEST]

Skipped, with one line, where the broker's packages cannot be had.
"""
import collections
import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

import elastic
import elastic_tls
import kafka
import probe
from probe import want

# This folder has a kafka.py, too.
import importlib.util
SPEC = importlib.util.spec_from_file_location("broker", probe.ROOT / "tests/services/kafka.py")
broker_module = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(broker_module)

EVENTS = 100_000
FORM = "%p\t%T\t%k\t%h\t%s\n"


def messages_of(broker, topic):
    return [kafka.message(line) for line in broker.read(topic, FORM).splitlines()]


def read_back_exactly(broker, papers):
    """What a file holds, a consumer reads, with keys, headers, times and partitions."""
    broker.topic("exact", 5)
    with elastic.place() as folder:
        elastic.write_capture(folder / "load.pcap", kafka.names_of(5000))
        config = kafka.configuration(folder, [broker.host], {
            "topic": "exact", "key": "%{[client.port]}", "compression": "zstd",
            "headers": [{"key": "type", "value": "%{[type]}"}, {"key": "fixed", "value": "yes"}]})
        words = elastic.command(folder, folder / "load.pcap", config)
        done = subprocess.run([*words, "-E", f"output.file.path={folder}/out"], capture_output=True)
        want(done.returncode == 0, done.stderr.decode())
        lines = sorted(line for path in folder.glob("out/*") for line in path.read_bytes().splitlines())
    found = messages_of(broker, "exact")
    want(sorted(one.value for one in found) == lines, "not what a file holds")
    want(all(one.headers == "type=dns,fixed=yes" for one in found), f"headers {found[0].headers}")
    want(all(kafka.fnv1a(one.key.encode()) % 5 == one.partition for one in found), "partitions")
    want(min(one.time for one in found) == 1_700_000_000_000, "times")
    return f"{len(found)} messages"


def each_codec(broker, papers):
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        broker.topic(codec, 2)
        with elastic.place() as folder:
            elastic.write_capture(folder / "load.pcap", kafka.names_of(2000))
            config = kafka.configuration(folder, [broker.host], {"topic": codec, "compression": codec})
            rows, _ = kafka.run(folder, config)
        names = {one.name for one in messages_of(broker, codec)}
        want(rows["delivered"] == 2000 == len(names), f"{codec}: {rows}")


def topics_are_made_or_waited_for(broker, papers):
    """A topic that brokers create is there at once."""
    with elastic.place() as folder:
        elastic.write_capture(folder / "load.pcap", kafka.names_of(1000))
        config = kafka.configuration(folder, [broker.host], {"topic": "made-%{[type]}"})
        rows, log = kafka.run(folder, config)
    want(rows["delivered"] == 1000 and "retries" not in rows, f"{rows}\n{log}")
    want(len(messages_of(broker, "made-dns")) == 1000, "not all are there")


def what_brokers_refuse(broker, papers):
    """A compacted topic wants keys; a small one small messages. Both wait, or become letters."""
    broker.topic("small", 1, "max.message.bytes=20000")
    with elastic.place() as folder:
        elastic.write_capture(folder / "load.pcap", kafka.names_of(1000))
        config = kafka.configuration(folder, [broker.host], {"topic": "small", "compression": "none"})
        rows, _ = kafka.run(folder, config)
    want(rows["delivered"] == 1000 and "too_large" not in rows, f"{rows}")
    names = collections.Counter(one.name for one in messages_of(broker, "small"))
    want(len(names) == 1000, f"{len(names)} are there")

    broker.topic("compacted", 1, "cleanup.policy=compact")
    with elastic.place() as folder:
        elastic.write_capture(folder / "load.pcap", kafka.names_of(400))
        rule = [{"topic": "compacted", "when": {"contains": {"dns.question.name": "q000000"}}}]
        config = kafka.configuration(folder, [broker.host], {
            "topic": "good", "topics": rule, "dead_letter_topic": "letters"})
        rows, log = kafka.run(folder, config)
    want(rows["delivered"] == 390 and rows.get("dead_letters") == 10, f"{rows}\n{log}")
    letters = messages_of(broker, "letters")
    want(len(letters) == 10 and all("topic=compacted" in one.headers for one in letters), "letters")


def every_way_to_log_in(broker, papers):
    """SASL over TLS, with authorities, fingerprints, pins; and what is wrong with each."""
    login = {"username": broker_module.USER, "password": broker_module.PASSWORD}
    trust = {"certificate_authorities": str(papers["ca.crt"])}
    good = [{**login, "ssl": trust}, {**login, "ssl": trust, "sasl.mechanism": "SCRAM-SHA-256"},
            {**login, "ssl": trust, "sasl.mechanism": "SCRAM-SHA-512"},
            {**login, "ssl": {"certificate_authorities": papers["ca.crt"].read_text()}},
            {**login, "ssl": {"certificate_authorities": [str(papers["other.crt"]),
                                                          str(papers["ca.crt"])]}},
            {**login, "ssl": {"verification_mode": "none"}},
            {**login, "ssl": {**trust, "verification_mode": "strict"}},
            {**login, "ssl": {**trust, "verification_mode": "certificate"}},
            {**login, "ssl": {"ca_trusted_fingerprint": papers.fingerprint("ca.crt")}},
            {**login, "ssl": {**trust, "ca_sha256": papers.pin("ca.crt")}},
            {**login, "ssl": {**trust, "certificate": str(papers["client.crt"]),
                              "key": str(papers["locked.key"]), "key_passphrase": "open sesame"}}]
    bad = [({**login, "password": "hidden-word", "ssl": trust}, "see username, password"),
           ({**login, "ssl": {"certificate_authorities": str(papers["other.crt"])}},
            "see ssl.certificate_authorities"),
           ({**login, "ssl": {"ca_trusted_fingerprint": papers.fingerprint("other.crt")}}, "see ssl."),
           ({**login, "ssl": {**trust, "ca_sha256": papers.pin("other.crt")}}, "ssl.ca_sha256"),
           (login, "talk to cluster... ERROR")]
    broker.topic("secret", 1)
    for output in good:
        code, said = tested(broker, output)
        want(code == 0 and "topic... OK" in said, f"{output}: {said}")
    for output, words in bad:
        code, said = tested(broker, output)
        want(code == 1 and words in said, f"{output}: no «{words}» in {said}")
        want("hidden-word" not in said, "a password was printed")
    with elastic.place() as folder:
        elastic.write_capture(folder / "load.pcap", kafka.names_of(1000))
        config = kafka.configuration(folder, [broker.secure_host], {**good[2], "topic": "secret"})
        rows, _ = kafka.run(folder, config)
    want(rows["delivered"] == 1000 == len(messages_of(broker, "secret")), f"{rows}")
    return f"{len(good)} ways in, {len(bad)} that are none"


def tested(broker, output):
    with elastic.place() as folder:
        config = kafka.configuration(folder, [broker.secure_host], {**output, "topic": "secret"})
        done = subprocess.run([probe.WEIR, "test", "output", "-c", config], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


# Brokers know a producer again by what it sent last, and forget it once those messages' own times
# are a day old (producer.id.expiration.ms): documents of an old capture may come twice.
def write_fresh(path, names):
    elastic.write_capture(path, names, int(time.time()))


def judge_once(broker, topic, names, rows):
    """Each document is there once."""
    found = collections.Counter(one.name for one in messages_of(broker, topic))
    want(rows["delivered"] == len(names) and "shed" not in rows and "refused" not in rows, f"{rows}")
    want(set(found) == set(names), f"{len(found)} of {len(names)} are there")
    twice = sum(found.values()) - len(found)
    want(twice == 0, f"{twice} are there twice; {rows}")


def killed_in_mid_run(broker, papers):
    """Idempotent: every document once."""
    broker.topic("killed", 3)
    names = kafka.names_of(EVENTS)
    with elastic.place() as folder:
        write_fresh(folder / "load.pcap", names)
        config = kafka.configuration(folder, [broker.host], {
            "topic": "killed", "timeout": "30s", "workers": 1, "bulk_max_size": 20})
        with elastic.started(folder, config) as process:
            elastic.wait_for(lambda: broker.read("killed", "%o\n").count(b"\n") > EVENTS // 50, 120)
            broker.kill()
            before = time.monotonic()
            want(process.poll() is None, "it ended before the broker was killed: more events are needed")
            broker.start()
            away = time.monotonic() - before
            rows = kafka.ended(process)
    judge_once(broker, "killed", names, rows)
    return f"{EVENTS} stored once, broker away {away:.0f} s"


class Relay:
    """Stands between clients and a broker. Once it has brought it so many bytes it keeps the answers
    of all who are connected by then."""

    def __init__(self, port, most):
        self.to, self.left, self.pairs, self.kept = int(port), most, [], set()
        self.keeps = threading.Event()
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.door.accept()[0]
                try:
                    broker = socket.create_connection(("127.0.0.1", self.to))
                except OSError:
                    client.close()
                    continue
                self.pairs.append((client, broker))
                for way in ((client, broker, self.count), (broker, client, lambda data: None)):
                    threading.Thread(target=self.copy, args=way, daemon=True).start()

    def copy(self, here, there, told):
        with contextlib.suppress(OSError):
            while data := here.recv(65536):
                if here not in self.kept:
                    there.sendall(data)
                told(data)
        for end in (here, there):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def count(self, data):
        self.left -= len(data)
        if self.left < 0 and not self.keeps.is_set():
            self.kept.update(broker for _, broker in self.pairs)
            self.keeps.set()

    def close(self):
        self.door.close()
        for pair in self.pairs:
            for end in pair:
                end.close()


@contextlib.contextmanager
def relayed(broker, most):
    """The broker sends its clients to a relay."""
    relay = Relay(broker.port(0), most)
    rows = {**broker.listeners(), "PLAINTEXT": f"PLAINTEXT://127.0.0.1:{relay.port}"}
    del rows["CONTROLLER"]
    try:
        broker.kill()
        broker.settings["advertised.listeners"] = ",".join(rows.values())
        broker.start()
        yield relay
    finally:
        del broker.settings["advertised.listeners"]
        broker.kill()
        broker.start()
        relay.close()


def killed_before_it_could_answer(broker, papers):
    """What it had stored but not confirmed comes again, and is known again."""
    broker.topic("unconfirmed", 3)
    names = kafka.names_of(EVENTS // 5)

    def stored():
        return broker.read("unconfirmed", "%o\n").count(b"\n")

    with elastic.place() as folder, relayed(broker, 300_000) as relay:
        write_fresh(folder / "load.pcap", names)
        config = kafka.configuration(folder, [broker.host], {
            "topic": "unconfirmed", "timeout": "30s", "workers": 4, "bulk_max_size": 500})
        with elastic.started(folder, config) as process:
            want(relay.keeps.wait(120), "nothing comes by")
            last = -1
            while last != (last := stored()):  # until all that is under way has arrived
                time.sleep(0.5)
            want(0 < last < len(names), f"{last} were stored before the kill")
            broker.kill()
            broker.start()
            rows = kafka.ended(process)
        judge_once(broker, "unconfirmed", names, rows)
    return f"{len(names)} stored once, {last} of them before the kill"


TESTS = [read_back_exactly, each_codec, topics_are_made_or_waited_for, what_brokers_refuse,
         every_way_to_log_in, killed_in_mid_run, killed_before_it_could_answer]


def main(words):
    me = f"WEIR={probe.WEIR} python3 {os.path.abspath(__file__)}"
    chosen = [test for test in TESTS if not words or test.__name__ in words]
    with tempfile.TemporaryDirectory(prefix="weir-kafka-") as place:
        papers = elastic_tls.Papers(place)
        store = pathlib.Path(place, "store.pem")
        store.write_text(papers["server.key"].read_text() + papers["server.chain"].read_text())
        broker = broker_module.Broker((store, papers["ca.crt"]), f"broker-{os.getpid()}")
        try:
            broker.stop()
            broker.start()
        except broker_module.Skip as why:
            print(f"SKIP: no Kafka: {why}")
            return 77
        try:
            good = [elastic.attempt(test.__name__.replace("_", " "), lambda t=test: t(broker, papers),
                                    f"{me} {test.__name__}") for test in chosen]
        finally:
            broker.stop()
    print(f"{sum(good)} of {len(good)} hold")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
