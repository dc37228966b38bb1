#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The endpoint, asked while a capture is replayed over and over."""
import concurrent.futures
import contextlib
import http.client
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import probe  # noqa: E402
import unix  # noqa: E402

CAPTURE = probe.GOLDEN / "first/first.pcap"

# What the reference's collectors read.
NAMES = """beat.cpu.system.ticks beat.cpu.system.time.ms beat.cpu.total.value beat.cpu.user.time.ms
beat.handles.open beat.handles.limit.hard beat.handles.limit.soft beat.info.ephemeral_id beat.info.uptime.ms
beat.info.version beat.memstats.gc_next beat.memstats.memory_alloc beat.memstats.memory_total beat.memstats.rss
beat.runtime.goroutines libbeat.config.reloads libbeat.output.type libbeat.output.events.acked
libbeat.output.events.active libbeat.output.events.batches libbeat.output.events.dropped
libbeat.output.events.duplicates libbeat.output.events.failed libbeat.output.events.toomany
libbeat.output.events.total libbeat.output.read.bytes libbeat.output.read.errors libbeat.output.write.bytes
libbeat.output.write.errors libbeat.pipeline.clients libbeat.pipeline.events.active
libbeat.pipeline.events.dropped libbeat.pipeline.events.failed libbeat.pipeline.events.filtered
libbeat.pipeline.events.published libbeat.pipeline.events.retry libbeat.pipeline.events.total
libbeat.pipeline.queue.acked libbeat.pipeline.queue.max_events system.cpu.cores system.load.1 system.load.5
system.load.15 system.load.norm.1 http.unmatched_requests http.unmatched_responses
dns.unmatched_requests dns.unmatched_responses weir.packets_seen weir.events_written weir.output""".split()

CONFIG = """
{root}.protocols: [{{type: http, ports: [80, 8000-9000]}}, {{type: dns, ports: [53]}}]
{root}.flows: {{period: -1}}
queue.mem.flush.timeout: 50ms
logging: {{to_stderr: true, json: false, metrics.enabled: false}}
http: {{enabled: true, port: 0}}
"""


class Running:
    """weir, replaying without end; `get` asks it."""

    def __init__(self, folder, *settings, root="weir", output="output.file.path", full_speed=False):
        self.folder = pathlib.Path(folder)
        config = self.folder / "weir.yml"
        config.write_text(CONFIG.format(root=root))
        self.log_path = self.folder / "log"
        more = [word for one in settings for word in ("-E", one)]
        if output == "output.file.path":
            more += ["-E", f"output.file.path={folder}/out", "-E", "output.file.number_of_files=2"]
        self.command = [probe.WEIR, "-c", config, "--path.home", folder, "-I", CAPTURE, "-l", "0", *more,
                        *(["-t"] if full_speed else [])]
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen([str(word) for word in self.command], stderr=log, cwd=folder,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            self.address = self.wait_for(r"listening at (\S+)\n")[1]
        except probe.Failure:
            self.process.kill()
            self.process.wait()
            raise

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_for(self, pattern):
        limit = time.monotonic() + probe.SECONDS
        while not (found := re.search(pattern, self.log())):
            probe.want(time.monotonic() < limit and self.process.poll() is None,
                       f"the log never says {pattern}:\n{self.log()}")
            time.sleep(0.02)
        return found

    def connection(self):
        if self.address.startswith("unix://"):
            return unix.Connection(self.address.removeprefix("unix://"))
        return http.client.HTTPConnection(self.address, timeout=probe.SECONDS)

    def ask(self, path, method="GET", body=None):
        """Status, headers, body."""
        with contextlib.closing(self.connection()) as connection:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()

    def get(self, path, status=200):
        found, _, body = self.ask(path)
        probe.want(found == status, f"{path} answers {found}: {body}")
        return body

    def until(self, path, holds):
        limit = time.monotonic() + probe.SECONDS
        while not holds(self.ask(path)):
            probe.want(time.monotonic() < limit, f"{path} stays {self.ask(path)[::2]}")
            time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(probe.SECONDS)
        probe.check_end(code, self.log(), None, self.command)
        return code


@contextlib.contextmanager
def running(*settings, **more):
    with tempfile.TemporaryDirectory(prefix="weir-e2e-") as folder:
        one = Running(folder, *settings, **more)
        try:
            yield one
            one.stop()
        finally:
            one.process.kill()
            one.process.wait()


def at(tree, path):
    for part in path.split("."):
        probe.want(isinstance(tree, dict) and part in tree, f"there is no {path}")
        tree = tree[part]
    return tree


def json_pages():
    with running(full_speed=True) as weir:
        weir.until("/stats",
                   lambda answer: at(json.loads(answer[2]), "libbeat.output.events.acked") > 0)
        first, second = (json.loads(weir.get("/stats")) for _ in range(2))
        for path in NAMES:
            at(second, path)
        for path in ("weir.packets_seen", "libbeat.output.events.acked", "beat.info.uptime.ms"):
            probe.want(0 < at(first, path) <= at(second, path), f"{path} went back")
        probe.want(second["libbeat"]["output"]["type"] == "file", "the output is another")
        pretty = weir.get("/stats?pretty")
        probe.want(pretty.startswith('{\n  "beat": {\n    "cpu": {'), f"not pretty: {pretty[:80]}")
        probe.want(json.loads(pretty).keys() == second.keys(), "pretty says something else")
        root = json.loads(weir.get("/"))
        probe.want(root["beat"] == "weir" and root["name"] == socket.gethostname(), f"it is {root}")
        inputs = json.loads(weir.get("/inputs/?pretty"))
        probe.want(inputs[0]["device"] == str(CAPTURE) and inputs[0]["packets"] > 0, f"it is {inputs}")


def reference_names():
    with running(root="packetbeat") as weir:
        root, stats = json.loads(weir.get("/")), json.loads(weir.get("/stats"))
        probe.want(root["beat"] == stats["beat"]["info"]["name"] == "packetbeat", f"it is {root}")


def prometheus():
    sample = re.compile(r'([a-z_]+)(?:\{[a-z]+="[^"]*"\})? -?[0-9.e+]+')
    with running() as weir:
        weir.until("/stats", lambda answer: json.loads(answer[2])["weir"]["packets_seen"] > 0)
        _, headers, text = weir.ask("/metrics")
        probe.want(headers["Content-Type"].startswith("text/plain; version=0.0.4"), "another type")
        told, kinds = set(), {}
        for line in text.splitlines():
            if line.startswith("# HELP "):
                name = line.split()[2]
                probe.want(name not in told and len(line.split()) > 3, f"{name} comes twice or empty")
                told.add(name)
            elif line.startswith("# TYPE "):
                kinds[line.split()[2]] = line.split()[3]
            else:
                found = sample.fullmatch(line)
                probe.want(found, f"no sample: {line}")
                name = found[1]
                probe.want(name in told and name in kinds, f"{name} has no HELP or TYPE")
                probe.want((kinds[name] == "counter") == name.endswith("_total"), f"{name} is a {kinds[name]}")
        counters = json.loads(weir.get("/stats"))["weir"]
        for name in counters.keys() - {"output"}:
            probe.want(f"weir_{name}" in told or f"weir_{name}_total" in told, f"{name} is missing")
        probe.want(re.search(r"^weir_packets_seen_total [1-9]", text, re.M), "no packets were seen")


def requests():
    """What is not there, what is not allowed, many at once, and one that never says anything."""
    with running() as weir:
        probe.want("/stats" in weir.get("/nothing", 404), "404 does not say what there is")
        weir.get("/stats/", 404)
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            status, headers, _ = weir.ask("/stats", method, b"x" * 100000)
            probe.want(status == 405 and headers["Allow"] == "GET, HEAD", f"{method} gives {status}")
        status, headers, body = weir.ask("/stats", "HEAD")
        probe.want(status == 200 and not body and int(headers["Content-Length"]) > 1000, "HEAD differs")
        host, port = weir.address.split(":")
        with socket.create_connection((host, int(port))) as silent, \
                socket.create_connection((host, int(port))) as garbage:
            silent.sendall(b"GET /sta")
            garbage.sendall(b"\0\xff\r\n\r\n" * 100)
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                for body in pool.map(weir.get, ["/stats", "/metrics"] * 50):
                    probe.want(len(body) > 1000, "an answer is cut")
        with socket.create_connection((host, int(port))) as large, \
                contextlib.suppress(ConnectionError):  # it may close before it was told everything
            large.sendall(b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\n\r\n")
            probe.want(b" 200 " not in large.recv(100), "a path of 100 kB is fine")
        weir.get("/healthz")


def readiness():
    with running() as weir:
        weir.until("/readyz", lambda answer: answer[0] == 200)
        probe.want(weir.get("/healthz") == "ok\n", "it is not well")
    dead = ["output.elasticsearch.hosts=[\'http://127.0.0.1:1\']"]
    with running(*dead, "weir.shutdown_timeout=100ms", output="", full_speed=True) as weir:
        weir.until("/readyz", lambda answer: answer[0] == 503 and "an output waits" in answer[2])
        weir.get("/healthz")


def unix_socket():
    with tempfile.TemporaryDirectory(prefix="weir-e2e-") as folder:
        path = pathlib.Path(folder) / "a.sock"
        with running(f"http.host=unix://{path}") as weir:
            probe.want(path.stat().st_mode & 0o777 == 0o660, f"its mode is {path.stat().st_mode:o}")
            probe.want(json.loads(weir.get("/"))["beat"] == "weir", "somebody else answers")
            code, log = fails(f"http.host=unix://{path}")
            probe.want(code == 1 and "Address already in use" in log, f"a second one starts: {log}")
            weir.get("/healthz")
        probe.want(not path.exists(), "the socket stays")
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(path))
        left.close()
        with running(f"http.host=unix://{path}") as weir:
            weir.get("/healthz")
        path.write_text("a file")
        code, log = fails(f"http.host=unix://{path}")
        probe.want(code == 1 and path.read_text() == "a file", f"a file is replaced: {log}")


def fails(*settings):
    """Exit code and log of a run that should not start."""
    with tempfile.TemporaryDirectory(prefix="weir-e2e-") as folder:
        config = pathlib.Path(folder) / "weir.yml"
        config.write_text(CONFIG.format(root="weir"))
        words = [word for one in (f"output.file.path={folder}", *settings) for word in ("-E", one)]
        done = subprocess.run([probe.WEIR, "-c", config, "--path.home", folder, "-I", CAPTURE, "-t", *words],
                              capture_output=True, timeout=probe.SECONDS)
        return done.returncode, done.stderr.decode()


def addresses():
    with running("http.host=0.0.0.0") as weir:
        weir.wait_for("can be reached from other machines")
        weir.address = weir.address.replace("0.0.0.0", "127.0.0.1")
        weir.get("/healthz")
    with running() as weir:
        probe.want("other machines" not in weir.log(), "localhost is warned of")
        port = weir.address.split(":")[1]
        code, log = fails(f"http.port={port}")
        probe.want(code == 1 and f"cannot listen at localhost:{port}" in log, f"two share a port: {log}")
    for host, words in (("no.such.host.invalid", "is no address"), ("unix://relative", "unix:///"),
                        ("unix:///" + "x" * 200, "less than")):
        code, log = fails(f"http.host={host}")
        probe.want(code == 1 and words in log, f"{host}: {log}")
    code, log = fails("http.port=65536")
    probe.want(code == 1 and "0 to 65535" in log, log)
    code, log = fails("http.enabled=false", "http.host=no.such.host.invalid")
    probe.want(code == 0 and "listening" not in log, f"it listens though it is off: {log}")


def main():
    suite = probe.Suite(sys.argv[1:])
    for test in (json_pages, reference_names, prometheus, requests, readiness, unix_socket, addresses):
        suite.add("endpoint", test.__name__, test)
    return 0 if suite.run() else 1


sys.exit(main())
