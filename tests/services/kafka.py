#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A genuine Kafka broker (KRaft, one node) on loopback, for tests: fetched by Maven, run by Java 17.

  kafka.py start [KEY=VALUE…]    prints its address; settings of the broker
  kafka.py kill                  as a crash would; start brings it back with its data on its ports
  kafka.py stop                  ends it and removes its data
  kafka.py topic NAME [COUNT]    creates a topic with so many partitions
  kafka.py read NAME             its values, a line each

Software and data lie below $WEIR_SERVICES (/tmp/weir-servers-UID); Maven keeps what it fetched. What
cannot be had is one line and exit status 77: the test is to be skipped.
"""
import base64
import os
import pathlib
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from search import Server, Skip, alone, base, free_port, maven, need  # noqa: E402

VERSION, SCALA, LOGGING = "3.9.1", "2.13", "1.7.36"
USER, PASSWORD = "weir", "an-open-secret"
HEAP = 384
SECONDS = 120  # for a start; 6 on an idle machine, 17 after a kill

LOG = """\
log4j.rootLogger=%s, a
log4j.appender.a=org.apache.log4j.ConsoleAppender
log4j.appender.a.layout=org.apache.log4j.PatternLayout
log4j.appender.a.layout.ConversionPattern=%%p %%m (%%c)%%n
"""


@alone()
def fetch():
    """The folder with its class path."""
    home = base() / f"kafka-{VERSION}"
    if not (home / "classpath").exists():
        home.mkdir(exist_ok=True)
        # The tools, without what they need for Connect.
        alone = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
        rows = "".join(
            f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
            f"<version>{version}</version>{more}</dependency>" for group, name, version, more in (
                ("org.apache.kafka", f"kafka_{SCALA}", VERSION, ""),
                ("org.apache.kafka", "kafka-tools", VERSION, alone),
                ("org.slf4j", "slf4j-reload4j", LOGGING, "")))
        (home / "pom.xml").write_text(
            "<project><modelVersion>4.0.0</modelVersion><groupId>weir</groupId><artifactId>broker"
            "</artifactId><version>1</version><packaging>pom</packaging>"
            f"<dependencies>{rows}</dependencies></project>")
        maven("build-classpath", home, f"-Dmdep.outputFile={home}/fetched", "-f", f"{home}/pom.xml")
        for name, level in (("broker", "INFO"), ("tool", "ERROR")):
            (home / f"{name}.log4j").write_text(LOG % level)
        (home / "fetched").rename(home / "classpath")
    return home


class Broker(Server):
    """One broker. `papers`: PEM files for a second listener with TLS and passwords: the key with its
    chain, and who signs clients."""

    def __init__(self, papers=None, name="broker", **settings):
        super().__init__(name, settings)
        self.papers = papers

    def port(self, which):
        return self.read_file("ports").split()[which]

    @property
    def host(self):
        return f"127.0.0.1:{self.port(0)}"

    @property
    def secure_host(self):
        return f"127.0.0.1:{self.port(2)}"

    # ── files ──

    def listeners(self):
        rows = {"PLAINTEXT": self.port(0), "CONTROLLER": self.port(1)}
        if self.papers:
            rows["SASL_SSL"] = self.port(2)
        return {name: f"{name}://127.0.0.1:{port}" for name, port in rows.items()}

    def write_settings(self):
        listeners = self.listeners()
        settings = {
            "process.roles": "broker,controller", "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self.port(1)}",
            "controller.listener.names": "CONTROLLER", "inter.broker.listener.name": "PLAINTEXT",
            "listeners": ",".join(listeners.values()),
            "advertised.listeners": ",".join(
                text for name, text in listeners.items() if name != "CONTROLLER"),
            "listener.security.protocol.map":
                "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL",
            "log.dirs": self.folder / "data", "log.retention.ms": -1,
            "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1, "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 1, "group.initial.rebalance.delay.ms": 0,
            # After a kill it is soon known to be dead, so that it may come back.
            "broker.session.timeout.ms": 3000, "broker.heartbeat.interval.ms": 500,
            **(self.security() if self.papers else {}), **self.settings}
        (self.folder / "broker.properties").write_text(
            "".join(f"{key}={value}\n" for key, value in settings.items()))

    def security(self):
        login = "org.apache.kafka.common.security"
        scram = f"{login}.scram.ScramLoginModule required;"
        prefix = "listener.name.sasl_ssl"
        return {"ssl.keystore.type": "PEM", "ssl.keystore.location": self.papers[0],
                "ssl.truststore.type": "PEM", "ssl.truststore.location": self.papers[1],
                "ssl.client.auth": "requested",
                "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
                f"{prefix}.plain.sasl.jaas.config":
                    f'{login}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
                f"{prefix}.scram-sha-256.sasl.jaas.config": scram,
                f"{prefix}.scram-sha-512.sasl.jaas.config": scram}

    def java(self, log, *words):
        home = fetch()
        return ["java", "-XX:+UseSerialGC", "-Djava.awt.headless=true",
                f"-Dlog4j.configuration=file:{home}/{log}.log4j", "-cp",
                (home / "classpath").read_text(), *map(str, words)]

    def tool(self, *words):
        done = subprocess.run(self.java("tool", *words), capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{words[0]}: {(done.stdout + done.stderr)[-500:]}")
        return done.stdout

    def format(self):
        number = base64.urlsafe_b64encode(os.urandom(16)).decode()[:22].replace("-", "A")
        users = [word for kind in ("SHA-256", "SHA-512") for word in (
            "--add-scram", f"SCRAM-{kind}=[name={USER},password={PASSWORD}]")]
        self.tool("kafka.tools.StorageTool", "format", "-t", number, "-c",
                  self.folder / "broker.properties", *(users if self.papers else []))

    # ── life ──

    def start(self):
        """Its address, once it serves."""
        need("java", "kcat")
        fetch()
        if self.group() is None:
            if not (self.folder / "ports").exists():
                self.folder.mkdir(exist_ok=True)
                (self.folder / "ports").write_text(" ".join(str(free_port()) for _ in range(3)))
            self.write_settings()
            if not (self.folder / "data/meta.properties").exists():
                self.format()
            self.launch()
        self.await_service()
        return self.host

    def launch(self):
        words = self.java("broker", "kafka.Kafka", self.folder / "broker.properties")
        words[1:1] = [f"-Xms{HEAP}m", f"-Xmx{HEAP}m"]
        self.launch_in(self.folder, words)

    def await_service(self):
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            if self.group() is None:
                raise RuntimeError(f"the broker ended: {self.read_file('output')[-500:]}")
            if "Kafka Server started" in self.read_file("output") and self.listens():
                return
            time.sleep(0.1)
        raise RuntimeError(f"no broker after {SECONDS} s")

    def listens(self):
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", int(self.port(0)))) == 0

    # ── topics ──

    def topic(self, name, partitions=1, *settings):
        more = [word for one in settings for word in ("--config", one)]
        self.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.host, "--create",
                  "--if-not-exists", "--topic", name, "--partitions", partitions,
                  "--replication-factor", 1, *more)

    def read(self, name, form="%s\n"):
        """All messages up to the present end, as kcat formats them."""
        done = subprocess.run(["kcat", "-b", self.host, "-C", "-t", name, "-o", "beginning", "-e", "-q",
                               "-f", form], capture_output=True, timeout=120)
        return done.stdout


def main(words):
    verb = words[0] if words else ""
    if verb not in ("start", "kill", "stop", "topic", "read"):
        print(__doc__, file=sys.stderr)
        return 2
    broker = Broker()
    try:
        if verb == "start":
            broker.settings = dict(word.split("=", 1) for word in words[1:])
            print(broker.start())
        elif verb == "read":
            sys.stdout.buffer.write(broker.read(words[1]))
        else:
            getattr(broker, verb)(*words[1:])
    except Skip as why:
        print(f"kafka: SKIP: {why}", file=sys.stderr)
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
