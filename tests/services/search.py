#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A genuine Elasticsearch or OpenSearch on loopback, for tests: fetched by Maven, run by Java 17.

  search.py start [elasticsearch|opensearch] [KEY=VALUE…]    prints its address; settings of the server,
                                                             http.port=9200 for one; else any port
  search.py kill  [ENGINE]        as a crash would; start brings it back with its data on its port
  search.py stop  [ENGINE]        ends it and removes its data

Software is unpacked once below $WEIR_SERVICES (/tmp/weir-servers-UID), where each server has a folder
of its own, too; Maven keeps what it fetched.
What cannot be had is one line and exit status 77: the test is to be skipped.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

VERSIONS = {"elasticsearch": "8.19.21", "opensearch": "2.19.1"}
LOG4J = "2.21.0"  # an optional dependency of OpenSearch, so named here
DEPENDENCIES = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
NOBODY = 65534    # Elasticsearch refuses to run as root
HEAP = 512
SECONDS = 300     # for a start; a cold one on a busy machine takes up to 100

LAUNCHER = """
import java.nio.file.Path;
import java.util.*;
import org.opensearch.common.logging.LogConfigurator;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.*;
import org.opensearch.plugins.Plugin;

/** A node in this process; argument: the folder above config/opensearch.yml. */
public final class Launcher extends Node {
    private Launcher(Environment environment, Collection<Class<? extends Plugin>> plugins) {
        super(environment, plugins, true);
    }

    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[0]);
        Settings settings = Settings.builder().put("path.home", home.toString()).build();
        Environment environment = InternalSettingsPreparer.prepareEnvironment(
            settings, Map.of(), home.resolve("config"), () -> "one");
        LogConfigurator.setNodeName("one");
        LogConfigurator.configure(environment);
        List<Class<? extends Plugin>> plugins = new ArrayList<>();
        for (String name : List.of("transport.Netty4Plugin",
                                   "ingest.common.IngestCommonPlugin",
                                   "index.mapper.MapperExtrasPlugin",
                                   "analysis.common.CommonAnalysisPlugin"))
            plugins.add(Class.forName("org.opensearch." + name).asSubclass(Plugin.class));
        new Launcher(environment, plugins).start();
        Thread.currentThread().join();
    }
}
"""


class Skip(Exception):
    """Why there is no server to test with, in one line."""


def base():
    folder = pathlib.Path(os.environ.get("WEIR_SERVICES", f"/tmp/weir-servers-{os.getuid()}"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    return folder


@contextlib.contextmanager
def alone():
    """So that of several who want the same software one fetches it."""
    with open(base() / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"the command {program} is missing")


def maven(goal, folder, *words):
    """From Maven's own cache if all is there, else from where it is configured to look."""
    need("java", "mvn")
    command = ["mvn", "-B", "-q", f"{DEPENDENCIES}:{goal}", *words]
    for offline in (["-o"], []):
        if not offline:
            print(f"Maven fetches {words[0].partition('=')[2]}", file=sys.stderr)
        done = subprocess.run(command[:1] + offline + command[1:], cwd=folder, capture_output=True)
        if done.returncode == 0:
            return
    raise Skip(f"Maven cannot fetch {words[0].partition('=')[2]}: "
               f"{(done.stdout or done.stderr).decode(errors='replace').strip().splitlines()[:1]}")


@alone()
def fetch_elasticsearch():
    version = VERSIONS["elasticsearch"]
    home = base() / f"elasticsearch-{version}"
    if not (home / "bin/elasticsearch").exists():
        work = base() / f"unpack-{os.getpid()}"
        work.mkdir()
        try:
            maven("unpack", work, "-Dartifact=org.elasticsearch.distribution.integ-test-zip:"
                  f"elasticsearch:{version}:zip", f"-DoutputDirectory={work}")
            subprocess.run(["chmod", "-R", "a+rX", work], check=True)
            for program in (work / home.name / "bin").iterdir():
                program.chmod(0o755)
            (work / home.name).rename(home)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return home


@alone()
def fetch_opensearch():
    version = VERSIONS["opensearch"]
    home = base() / f"opensearch-{version}"
    if (home / "Launcher.class").exists():
        return home
    need("javac")
    home.mkdir(exist_ok=True)
    wanted = [("org.opensearch", "opensearch", version),
              ("org.apache.logging.log4j", "log4j-core", LOG4J)]
    wanted += [("org.opensearch.plugin", name, version) for name in (
        "transport-netty4-client", "ingest-common", "mapper-extras-client", "analysis-common")]
    rows = "".join(f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
                   f"<version>{number}</version></dependency>" for group, name, number in wanted)
    (home / "pom.xml").write_text(
        "<project><modelVersion>4.0.0</modelVersion><groupId>weir</groupId><artifactId>node"
        "</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{rows}</dependencies></project>")
    maven("build-classpath", home, f"-Dmdep.outputFile={home}/classpath", "-f", f"{home}/pom.xml")
    (home / "Launcher.java").write_text(LAUNCHER)
    done = subprocess.run(["javac", "-nowarn", "-proc:none", "-cp", (home / "classpath").read_text(),
                           "-d", home, home / "Launcher.java"], capture_output=True)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    return home


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A process group whose folder has all that it needs to come back. `with` starts and ends it."""

    def __init__(self, name, settings):
        self.folder = base() / name
        self.settings = settings
        self.process = None

    def __enter__(self):
        self.stop()  # what another of our name may have left
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def read_file(self, name):
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def launch_in(self, folder, words, **how):
        with open(self.folder / "output", "wb") as output:
            self.process = subprocess.Popen([str(word) for word in words], cwd=folder, stdout=output, stderr=output,
                                            stdin=subprocess.DEVNULL, start_new_session=True, **how)
        (self.folder / "pid").write_text(f"{self.process.pid} {birth(self.process.pid)}")

    def group(self):
        """The process group, while its leader runs; else None."""
        number, _, born = self.read_file("pid").partition(" ")
        return int(number) if number and birth(number) == born else None

    def kill(self):
        number = self.group()
        if number is None:
            return
        os.killpg(number, signal.SIGKILL)
        for _ in range(600):
            if self.process:
                self.process.poll()  # so that it is no zombie
            try:
                os.killpg(number, 0)
            except OSError:
                break
            time.sleep(0.05)
        (self.folder / "pid").unlink()
        self.process = None

    def stop(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def birth(number):
    """When a process was started, for a number may come again; None: it is dead."""
    try:
        fields = pathlib.Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[19] if fields[0] != "Z" else None


class Node(Server):
    """One server of either kind."""

    def __init__(self, engine="elasticsearch", name=None, **settings):
        super().__init__(name or f"node-{engine}", settings)
        self.engine = engine

    def user(self):
        """Whom it runs as; {}: as ourselves."""
        root = os.getuid() == 0 and self.engine == "elasticsearch"
        return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if root else {}

    # ── files ──

    def prepare(self, home):
        for name in ("config", "data", "logs", "tmp"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "port").write_text(str(self.settings.get("http.port") or free_port()))
        config = self.folder / "config"
        if self.engine == "elasticsearch":
            shutil.copytree(home / "config", config, dirs_exist_ok=True)
            keep = [line for line in (home / "config/jvm.options").read_text().splitlines()
                    if any(word in line for word in ("--add-modules", "CompileCommand",
                                                     "org.apache.lucene"))
                    and not line.startswith("#")]
            (config / "jvm.options").write_text("\n".join(
                keep + ["-XX:+UseSerialGC", "-Djava.io.tmpdir=${ES_TMPDIR}", ""]))
        else:
            (config / "log4j2.properties").write_text(
                "status = error\nappender.c.type = Console\nappender.c.name = c\n"
                "appender.c.layout.type = PatternLayout\nappender.c.layout.pattern = %p %c{1} %m%n\n"
                "rootLogger.level = warn\nrootLogger.appenderRef.c.ref = c\n")

    def write_settings(self):
        folder, port = self.folder, self.read_file("port")
        own = {"xpack.security.enabled": "false"} if self.engine == "elasticsearch" else {}
        settings = {"cluster.name": "weir", "node.name": "one", "discovery.type": "single-node",
                    "network.host": "127.0.0.1", "http.port": port, "transport.port": 0,
                    "path.data": folder / "data", "path.logs": folder / "logs",
                    "cluster.routing.allocation.disk.threshold_enabled": "false",
                    **own, **self.settings}
        (folder / f"config/{self.engine}.yml").write_text(
            "".join(f"{key}: {value}\n" for key, value in settings.items()))
        if self.user():
            for path in [folder, *folder.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)

    # ── life ──

    def command(self, home):
        java = pathlib.Path(shutil.which("java")).resolve().parents[1]
        if self.engine == "elasticsearch":
            return [home / "bin/elasticsearch"], {
                "ES_JAVA_HOME": str(java), "ES_PATH_CONF": str(self.folder / "config"),
                "ES_TMPDIR": str(self.folder / "tmp"),
                "ES_JAVA_OPTS": f"-Xms{HEAP}m -Xmx{HEAP}m"}
        return ["java", f"-Xms{HEAP}m", f"-Xmx{HEAP}m", "-XX:+UseSerialGC", "-Djava.awt.headless=true",
                "-Dlog4j2.disable.jmx=true", f"-Djava.io.tmpdir={self.folder}/tmp",
                "--add-opens=java.base/java.io=ALL-UNNAMED",
                "-cp", f"{home}:{(home / 'classpath').read_text()}", "Launcher", self.folder], {}

    def start(self):
        """Its address, once it answers."""
        home = fetch_elasticsearch() if self.engine == "elasticsearch" else fetch_opensearch()
        if self.group() is None:
            if not (self.folder / "port").exists():
                shutil.rmtree(self.folder, ignore_errors=True)
                self.prepare(home)
            self.write_settings()
            self.launch(home)
        self.url = f"http://127.0.0.1:{self.read_file('port')}"
        self.await_health()
        return self.url

    def launch(self, home):
        words, more = self.command(home)
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C", **more}
        self.launch_in(self.folder / "tmp", words, env=environment, **self.user())

    def await_health(self):
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            if self.group() is None:
                raise RuntimeError(f"{self.engine} ended: {self.read_file('output')[-500:]}")
            try:
                health = self.ask("GET", "/_cluster/health?wait_for_status=yellow&timeout=2s")
                if health["status"] in ("yellow", "green"):
                    return
            except (OSError, ValueError, KeyError):
                time.sleep(0.2)
        raise RuntimeError(f"{self.engine} is not healthy after {SECONDS} s")

    # ── questions ──

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            self.url + path, method=method, headers={"Content-Type": "application/json"},
            data=None if body is None else json.dumps(body).encode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            return json.loads(answer.read())


def main(words):
    verb, *rest = words or [""]
    engine = rest.pop(0) if rest and rest[0] in VERSIONS else "elasticsearch"
    if verb not in ("start", "kill", "stop") or not all("=" in word for word in rest):
        print(__doc__, file=sys.stderr)
        return 2
    node = Node(engine, **dict(word.split("=", 1) for word in rest))
    try:
        if verb == "start":
            print(node.start())
        else:
            getattr(node, verb)()
    except Skip as why:
        print(f"search: SKIP: {why}", file=sys.stderr)
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
