#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From the command line and the configuration to what runs: which settings count, what the commands
print, and how they end. Refusals with file and line that a run meets are in weather.py.

    tests/e2e/cli.py           all
    tests/e2e/cli.py export    only tests whose names have this text
"""
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import probe  # noqa: E402
from probe import want  # noqa: E402

FIRST = probe.GOLDEN / "first/first.pcap"  # an exchange of HTTP, one of DNS, and more
QUIET = ["-E", "logging.to_files=false", "-E", "logging.metrics.enabled=false"]


# ── calling ──

@contextlib.contextmanager
def folder_with(**files):
    """A folder of its own, with such files: name → text, `.yml` is put behind the name."""
    with tempfile.TemporaryDirectory(prefix="weir-cli-") as folder:
        for name, text in files.items():
            file = pathlib.Path(folder, f"{name}.yml")
            file.write_text(text)
            file.chmod(0o600)
        yield pathlib.Path(folder)


def call(*words, code=0, folder="/", environment=None):
    """What a call prints to standard output and to standard error."""
    command = [str(probe.WEIR), *map(str, words)]
    done = subprocess.run(command, capture_output=True, timeout=probe.SECONDS, cwd=folder,
                          stdin=subprocess.DEVNULL, env=os.environ | (environment or {}))
    log = done.stderr.decode()
    probe.check_end(done.returncode, log, code, command)
    return done.stdout.decode(), log


def test_config(text, *more, code=0, environment=None):
    with folder_with(c=text) as folder:
        return call("test", "config", "-c", "c.yml", *more, code=code, folder=folder,
                    environment=environment)


def accepted(text, *more, warnings=(), environment=None):
    """It is fine, and there are exactly so many warnings, with these words."""
    out, log = test_config(text, *more, environment=environment)
    want(out == "Config OK\n", out)
    lines = log.splitlines()
    want(len(lines) == len(warnings), f"{len(warnings)} warnings wanted: {log}")
    for words, line in zip(warnings, lines):
        want(words in line, f"«{line}» lacks {words}")


def refused(text, *words, more=(), environment=None):
    """Exit 1, nothing but one line that has these words."""
    out, log = test_config(text, *more, code=1, environment=environment)
    want(out == "" and log.startswith("weir: ") and log.count("\n") == 1, f"{out}{log}")
    missing = [word for word in words if word not in log]
    want(not missing, f"«{log}» lacks {missing}")


def exported(*words, folder="/", environment=None):
    return call("export", "config", *words, folder=folder, environment=environment)[0]


def documents_of(text, *more, capture=FIRST):
    with folder_with(c=text) as folder:
        return probe.run(capture, folder / "c.yml", *more).documents


def kinds(documents):
    return {one["type"] for one in documents}


# ── root keys and protocols ──

def compat_by_root_key():
    for root, compat in (("weir", False), ("packetbeat", True)):
        found = documents_of(f"{root}.flows.period: -1s\n")
        want(found and found[0]["agent"]["type"] == root, found[0]["agent"])
        want(any("tcp" in one["flow"] for one in found) != compat, "flow.tcp is weir's own")


def compat_by_setting():
    found = documents_of("compat: packetbeat\nweir.flows.period: -1s\n")
    want(found[0]["agent"]["type"] == "packetbeat", found[0]["agent"])
    found = documents_of("compat: none\npacketbeat.flows.period: -1s\n")
    want(found[0]["agent"]["type"] == "weir", found[0]["agent"])


def both_forms_of_protocols():
    """A list, and the dictionary of old files."""
    wanted = documents_of("weir.protocols: [{type: http, ports: [80]}, {type: dns, ports: [53]}]\n")
    want(kinds(wanted) == {"http", "dns"}, kinds(wanted))
    found = documents_of("weir.protocols:\n  http.ports: [80]\n  dns:\n    ports: [53]\n")
    probe.want_same(wanted, found)


def only_what_is_enabled():
    found = documents_of("weir.protocols:\n- {type: http, ports: [80], enabled: no}\n"
                         "- {type: dns, ports: [53]}\n")
    want(kinds(found) == {"dns"}, kinds(found))


def ports_have_defaults_of_their_own():
    """Under weir; the reference follows a protocol only on the ports it is given."""
    want(kinds(documents_of("weir.protocols: [{type: dns}]\n")) == {"dns"}, "no default ports")
    want(not documents_of("packetbeat.protocols: [{type: dns}]\n"), "the reference has default ports")


def port_ranges():
    found = documents_of("weir.protocols: [{type: http, ports: [70-79, 80-90]}, {type: dns, ports: 53}]\n")
    want(kinds(found) == {"http", "dns"}, kinds(found))
    other = "weir.protocols: [{type: http, ports: [81-90], detect: %s}]\n"
    want(not documents_of(other % "false"), "port 80 is not in 81-90")
    want(kinds(documents_of(other % "true")) == {"http"}, "not recognised by its first bytes")
    refused("weir.protocols:\n- {type: http, ports: [90-80]}\n", "c.yml:2", "90-80")
    refused("weir.protocols:\n- {type: http, ports: [1-65536]}\n", "c.yml:2", "65536")


def ports_of_two():
    """By transport: what shares a port must be told apart."""
    refused("weir.protocols:\n- {type: http, ports: [8000-8010]}\n- {type: dns, ports: [8005]}\n",
            "c.yml:3", "8005", "http", "dns")
    refused("weir.protocols:\n- {type: http, ports: [80]}\n- {type: http, ports: [80]}\n", "c.yml:3")
    accepted("weir.protocols:\n- {type: http, ports: [80, 80, 79-81]}\n- {type: dns, ports: [53]}\n")
    accepted("weir.protocols:\n- {type: http, ports: [1-32767]}\n- {type: dns, ports: [32768-65535]}\n")


def what_is_no_list():
    refused("weir:\n  protocols: http\n", "c.yml:2", "list of protocols")
    refused("weir:\n  protocols: [http]\n", "c.yml:2", "type")
    refused("weir:\n  interfaces: eth0\n", "c.yml:2", "interfaces")
    refused("weir:\n  flows: 1\n", "c.yml:2", "flows")
    refused("output: file\n", "c.yml:1", "output.NAME")


def unknown_keys_under_packetbeat():
    accepted("packetbeat:\n  nonsense: 1\n  protocols:\n  - {type: http, ports: [80], other: 1}\n",
             warnings=["c.yml:2: nonsense", "c.yml:4: other"])
    accepted("packetbeat:\n  protocols:\n  - {type: cassandra, ports: [9042]}\n  - {type: zzz}\n",
             warnings=["c.yml:3: protocol cassandra", "c.yml:4: protocol zzz is unknown"])


def unknown_keys_under_weir():
    refused("weir:\n  interfaces:\n    devise: any\n", "c.yml:3", "devise", "device")
    refused("weir:\n  limits.conns.conn: 100\n", "c.yml:2", "conn", "conns")
    refused("output.console.prety: true\n", "c.yml:1", "prety", "pretty")


def keys_without_effect():
    """Known to the reference, of no use here: one warning that says why."""
    accepted("weir: {}\nmax_procs: 2\nlogging.files.interval: 1h\n",
             warnings=["c.yml:3: interval: has no effect", "c.yml:2: max_procs: has no effect"])


def known_keys_do_not_warn():
    accepted("logging.files: {path: /tmp, name: x, keepfiles: 3, permissions: 0640}\n"
             "logging: {level: debug, selectors: ['*']}\nname: probe\ntags: [a]\n"
             "queue.mem: {events: 4096, flush: {min_events: 8, timeout: 1s}}\n")


def modes_of_log_files():
    for mode in ("abc", "'0988'", "'7777'", "''"):
        refused(f"name: x\nlogging.files.permissions: {mode}\n", "c.yml:2", "logging.files.permissions")


def what_does_not_fit_together():
    """Settings that are fine one by one are refused with their place, too."""
    refused("name: x\nqueue.mem: {events: 100, flush.min_events: 101}\n", "c.yml:2", "min_events")
    refused("output.console:\n  queue.mem: {backoff: {init: 2s, max: 1s}}\n", "c.yml:2", "backoff.init")
    refused("weir:\n  flows:\n    period: 10ms\n", "c.yml:2", "period")


def one_device_twice():
    refused("weir.interfaces:\n- {device: a}\n- {device: a}\n", "c.yml:3", "a")
    accepted("weir.interfaces:\n- {file: a.pcap}\n- {file: b.pcap}\n")
    accepted("weir.interfaces:\n- {file: a.pcap}\n- {device: any}\n")


def file_of_a_later_entry():
    """Its own settings count: read twice; the others are left out, not without a word."""
    entries = [{"device": "eth0", "loop": 1}, {"file": str(FIRST), "topspeed": True, "loop": 2}]
    with folder_with(c=json.dumps({"weir": {"interfaces": entries}})) as folder:
        _, log = call("-N", "-e", "-c", "c.yml", *QUIET, folder=folder)
    want(probe.counters(log)["clock_restarts"] == 1 and "left out" in log, log)


def filters_are_compiled():
    refused("weir.interfaces:\n  bpf_filter: tcp prot 80\n", "c.yml:2", "tcp prot 80")
    accepted("weir.interfaces.bpf_filter: tcp port 80\n")


def conditions_are_read():
    refused("processors:\n- drop_event.when.equls.type: http\n", "c.yml:2", "equls")
    refused("weir.protocols:\n- type: http\n  processors:\n  - drop_evnt: {}\n", "c.yml:4", "drop_evnt")
    refused("weir.protocols:\n- {type: http, index: '%{[type'}\n", "%{[type")


# ── where settings come from ──

def later_files_win():
    with folder_with(a="name: one\ntags: [a, b]\nweir.flows: {timeout: 5s, period: 3s}\n",
                     b="name: two\ntags: [c]\nweir.flows.period: 4s\n") as folder:
        text = exported("-c", "a.yml", "-c", "b.yml", folder=folder)
        for line in ("name: two", "- c", "timeout: 5s", "period: 4s"):
            want(line in text, f"no «{line}» in {text}")
        want("- a" not in text, f"lists are not joined: {text}")


def many_files_and_settings():
    with folder_with(**{f"f{number}": f"fields.f{number}: {number}\n" for number in range(100)}) as folder:
        files = [word for number in range(100) for word in ("-c", f"f{number}.yml")]
        settings = [word for number in range(400) for word in ("-E", f"fields.e{number}={number}")]
        text = exported(*files, *settings, folder=folder)
        want("f99: 99" in text and "e399: 399" in text, "some of them do not count")


def overrides():
    base = "name: one\nweir.interfaces: [{device: a}, {device: b}]\n"
    with folder_with(c=base) as folder:
        text = exported("-c", "c.yml", "-E", "name=two", "-E", "tags=[x, y]", "-E", "fields.a.b=1",
                        "-E", "weir.interfaces.1.device=c", "-E", "name=three", folder=folder)
        for line in ("name: three", "- x", "- y", "b: 1", "device: a", "device: c"):
            want(line in text, f"no «{line}» in {text}")
        want("device: b" not in text, text)


def overrides_make_lists():
    accepted("{}\n", "-E", "weir.interfaces.0.device=any", "-E", "weir.protocols.0.type=http", "-E",
             "weir.protocols.1.type=dns")
    refused("{}\n", "-E", "devise", more=["-E", "weir.interfaces.0.devise=any"])


def overrides_that_cannot_be():
    refused("{}\n", "nonsense", more=["-E", "nonsense"])
    refused("{}\n", "snaplen", "64 to 262144", more=["-E", "weir.interfaces.snaplen=1"])


def variables():
    environment = {"NAME_OF_IT": "from-there", "A_LIST": "[a, b]"}
    with folder_with(c="name: ${NAME_OF_IT}\ntags: ${A_LIST}\nfields: {a: '${NOBODY:default}', "
                       "b: 'x${NAME_OF_IT}y', c: '${name}', d: '${path.home}'}\n") as folder:
        text = exported("-c", "c.yml", "--path.home", "/somewhere", folder=folder,
                        environment=environment)
        for line in ("name: from-there", "- a", "- b", "a: default", 'b: "xfrom-therey"',
                     "c: from-there", "d: /somewhere"):
            want(line in text, f"no «{line}» in {text}")
    refused("\nname: ${NOBODY:?give me a name}\n", "c.yml:2", "give me a name")


def paths_follow_home():
    with folder_with(c="{}\n") as folder:
        text = exported("-c", "c.yml", "--path.home=/h", "--path.logs", "/l", folder=folder)
        for line in ("home: /h", "config: /h", 'data: "/h/data"', "logs: /l"):
            want(line in text, f"no «{line}» in {text}")


def files_at_usual_places():
    """weir.yml before packetbeat.yml, in path.config, else path.home, else here."""
    with folder_with(weir="name: of-weir\n", packetbeat="name: of-packetbeat\n") as folder:
        want("of-weir" in exported(folder=folder), "weir.yml is not found")
        want("of-weir" in exported("--path.home", folder), "weir.yml is not found in path.home")
        (folder / "weir.yml").unlink()
        want("of-packetbeat" in exported("--path.config", folder), "packetbeat.yml is not found")
        want("of-packetbeat" not in exported("--path.config", "/nowhere", folder=folder), "it is found")


def without_any_file():
    """Everything is followed, documents go to standard output."""
    with folder_with() as folder:
        out, _ = call("-I", FIRST, "-t", folder=folder)
        found = [json.loads(line) for line in out.splitlines()]
        want({"http", "dns", "flow"} <= kinds(found), kinds(found))
        want(not any(folder.iterdir()), f"left behind: {list(folder.iterdir())}")


# ── flags ──

def one_dash_or_two():
    with folder_with(c="{}\n") as folder:
        for words in (["-c", "c.yml"], ["--c", "c.yml"], ["-c=c.yml"], ["--c=c.yml"]):
            want(call("test", "config", *words, folder=folder)[0] == "Config OK\n", words)
            want(call(*words, "test", "config", folder=folder)[0] == "Config OK\n", words)


def strict_permissions():
    with folder_with(c="{}\n") as folder:
        (folder / "c.yml").chmod(0o622)
        _, log = call("test", "config", "-c", "c.yml", code=1, folder=folder)
        want("c.yml" in log and "strict.perms" in log, log)
        for words in ("--strict.perms=false", "-strict.perms=no"):
            call("test", "config", "-c", "c.yml", words, folder=folder)
        for words in ("--strict.perms", "--strict.perms=true"):
            call("test", "config", "-c", "c.yml", words, code=1, folder=folder)
        call("test", "config", "-c", "c.yml", "--strict.perms=maybe", code=2, folder=folder)


def every_file_is_looked_at():
    with folder_with(a="{}\n", b="{}\n") as folder:
        (folder / "b.yml").chmod(0o666)
        _, log = call("test", "config", "-c", "a.yml", "-c", "b.yml", code=1, folder=folder)
        want("b.yml" in log, log)


def log_files():
    with folder_with(c="weir.protocols: [{type: http}]\noutput.console: {}\n") as folder:
        call("-c", "c.yml", "-I", FIRST, "-t", "--path.logs", folder / "logs", folder=folder)
        lines = [json.loads(line) for file in (folder / "logs").iterdir()
                 for line in file.read_text().splitlines()]
        want(lines and all("log.level" in line for line in lines), f"{lines}")


def id_is_kept():
    """Of the installation, in path.data; that of the run is another one each time."""
    with folder_with(c="weir.protocols: [{type: http}]\noutput.console: {}\n") as folder:
        agents = []
        for _ in range(2):
            out, _ = call("-c", "c.yml", "-I", FIRST, "-t", *QUIET, "--path.data", folder / "data",
                          folder=folder)
            agents.append(json.loads(out.splitlines()[0])["agent"])
        want(agents[0]["id"] == agents[1]["id"], f"two ids: {agents}")
        want(agents[0]["ephemeral_id"] != agents[1]["ephemeral_id"], f"one run: {agents}")


def looking_leaves_nothing_behind():
    with folder_with(c="output.file.path: out\n") as folder:
        for words in (["test", "config"], ["export", "config"]):
            call(*words, "-c", "c.yml", folder=folder)
        want([file.name for file in folder.iterdir()] == ["c.yml"], f"{list(folder.iterdir())}")


# ── outputs ──

def no_output():
    with folder_with(c="weir.protocols: [{type: http}]\n") as folder:
        _, log = call("-c", "c.yml", "-I", FIRST, "-t", "-e", *QUIET, code=1, folder=folder)
        want("no output is configured" in log, log)
        _, log = call("-c", "c.yml", "-I", FIRST, "-t", "-e", "-N", *QUIET, folder=folder)
        want(probe.counters(log)["events_written"] > 0, log)


def what_is_said_of_memory():
    """It knows the queue of each output, and what is kept of packets that may come twice."""
    def megabytes(*more):
        with folder_with(c="output.file.path: out\n") as folder:
            _, log = call("-c", "c.yml", "-I", FIRST, "-t", "-e", *QUIET,
                          *(word for one in more for word in ("-E", one)), folder=folder)
        return int(re.search(r"at their ceilings (\d+) MiB", log)[1])
    usual = megabytes()
    want(megabytes("output.file.queue.mem.bytes=1GiB", "queue.mem.bytes=16MiB") > usual + 512, usual)
    want(megabytes("output.file.queue.mem.bytes=16MiB", "queue.mem.bytes=1GiB") < usual + 16, usual)
    want(megabytes("weir.interfaces=[{duplicates_window: 1s}]") == usual + 1, usual)


def nothing_published():
    with folder_with(c="weir.protocols: [{type: http}]\noutput.file.path: out\n") as folder:
        out, log = call("-c", "c.yml", "-I", FIRST, "-t", "-e", "-N", *QUIET, folder=folder)
        want(not out and not (folder / "out").exists(), f"documents were written: {out}")
        want(probe.counters(log)["events_written"] > 0, log)


def two_outputs():
    with folder_with(c="weir: {protocols: [{type: http}], flows: {period: -1s}}\n"
                       "output: {file: {path: out}, console: {}}\n") as folder:
        out, _ = call("-c", "c.yml", "-I", FIRST, "-t", *QUIET, folder=folder)
        printed = [json.loads(line) for line in out.splitlines()]
        want(printed, "nothing was printed")
        probe.want_same(printed, probe.read_documents(folder / "out"))


def outputs_that_are_off():
    accepted("output: {nonsense: {enabled: false}, file: {enabled: no}}\n")
    refused("output.file.enabled: perhaps\n", "c.yml:1", "enabled", "perhaps")
    refused("output.nonsense: {}\n", "c.yml:1", "nonsense", "file", "console")


def standard_input():
    with folder_with(c="weir.protocols: [{type: http}]\n") as folder:
        wanted = probe.run(FIRST, folder / "c.yml").documents
        found = probe.run("-", folder / "c.yml", stdin=FIRST.read_bytes()).documents
        probe.want_same(wanted, found)


# ── commands ──

def export_reads_back():
    """To the same: what is printed, read and printed again."""
    with folder_with(c=pathlib.Path(probe.ROOT, "deploy/weir.yml").read_text(), other=(
            "name: 'a: b'\ntags: ['1', 'true', '# no', \"x\\ty\"]\nfields: {a: [1, {b: null}], 'c.d': ''}\n"
            "weir.protocols: [{type: http, ports: [80, 8000-8010]}, {type: dns}]\n")) as folder:
        for name in ("c.yml", "other.yml"):
            first = exported("-c", name, "-E", "output.console.pretty=true", folder=folder)
            (folder / "again.yml").write_text(first)
            (folder / "again.yml").chmod(0o600)
            again = exported("-c", "again.yml", folder=folder)
            want(first == again, f"{name}:\n{first}\nand again\n{again}")


def export_masks_secrets():
    accepted("fields.password: secret\n")
    with folder_with(c="fields: {password: hidden-1, api_key: hidden-2, user: shown}\n") as folder:
        text = exported("-c", "c.yml", folder=folder)
        want("hidden" not in text and "shown" in text, text)


def export_refuses_what_is_wrong():
    with folder_with(c="nonsense: 1\n") as folder:
        out, log = call("export", "config", "-c", "c.yml", code=1, folder=folder)
        want(not out and "c.yml:1" in log, f"{out}{log}")


def export_fields():
    text, _ = call("export", "fields")
    for row in ("`@timestamp`", "`http.request.method`", "`dns.question.name`", "`flow.final`"):
        want(row in text, f"no {row}")


def mapping(template, path):
    node = template["template"]["mappings"]
    for part in path.split("."):
        node = node["properties"][part]
    return node["type"] if "type" in node else "object"


def export_template():
    template = json.loads(call("export", "template")[0])
    wanted = {"@timestamp": "date", "source.ip": "ip", "source.port": "long", "type": "keyword",
              "error.message": "match_only_text", "event.duration": "long", "flow.final": "boolean",
              "event.start": "date", "dns.answers": "object", "http.response.status_code": "long",
              "related.ip": "ip"}
    found = {path: mapping(template, path) for path in wanted}
    want(found == wanted, f"found {found}")
    want(template["index_patterns"], "no index patterns")


def help_says_all():
    text, _ = call("help")
    for words in ("usage", "run", "test", "export", "version", "-I", "-c", "--path.home"):
        want(words in text, f"no {words} in the help")
    for words in (["-h"], ["--help"], ["-help"], ["test", "--help"]):
        want(call(*words)[0] == text, f"{words} is another help")
    for what, word in (("protocols", "http"), ("outputs", "console"), ("settings", "snaplen")):
        want(word in call("help", what)[0], f"no {word} in the help on {what}")


def version():
    text, _ = call("version")
    want(text.startswith("weir ") and text.count("\n") >= 2, text)
    for words in (["--version"], ["-version"]):
        want(call(*words)[0] == text, f"{words} is another version")


def usage(*words):
    """Makes no sense: exit 2, one line to standard error, nothing else."""
    out, log = call(*words, code=2)
    want(not out and log.count("\n") == 1 and log.startswith("weir: "), f"{out}{log}")


def main():
    suite = probe.Suite(sys.argv[1:])
    groups = {
        "settings": [compat_by_root_key, compat_by_setting, both_forms_of_protocols,
                     only_what_is_enabled, ports_have_defaults_of_their_own, port_ranges, ports_of_two,
                     what_is_no_list, unknown_keys_under_packetbeat, unknown_keys_under_weir,
                     keys_without_effect, known_keys_do_not_warn, modes_of_log_files, one_device_twice,
                     filters_are_compiled, conditions_are_read, what_does_not_fit_together],
        "sources": [later_files_win, many_files_and_settings, overrides, overrides_make_lists,
                    overrides_that_cannot_be, variables, paths_follow_home, files_at_usual_places,
                    without_any_file, file_of_a_later_entry],
        "flags": [one_dash_or_two, strict_permissions, every_file_is_looked_at, log_files, id_is_kept,
                  looking_leaves_nothing_behind],
        "outputs": [no_output, what_is_said_of_memory, nothing_published, two_outputs, outputs_that_are_off, standard_input],
        "commands": [export_reads_back, export_masks_secrets, export_refuses_what_is_wrong,
                     export_fields, export_template, help_says_all, version],
    }
    for group, tests in groups.items():
        for test in tests:
            suite.add(group, test.__name__.replace("_", " "), test)
    for words in (["nonsense"], ["test"], ["test", "nonsense"], ["export"], ["export", "nonsense"],
                  ["help", "nonsense"], ["--nonsense"], ["-c"], ["run", "nonsense"], ["-t=perhaps"],
                  ["setup", "nonsense"]):
        suite.add("usage", " ".join(words), usage, *words)
    return 0 if suite.run() else 1


sys.exit(main())
