#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The keystore from outside: its commands, what finds its secrets, and that nothing shows them."""
import os
import pathlib
import pty
import select
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import probe  # noqa: E402

SECRET = "hunter2-Zw\u00e4lf"
CONFIG = """
weir.protocols: [{type: http, ports: [80, 8000-9000]}, {type: dns}]
weir.flows.enabled: true
name: ${K}
fields: {mixed: "x${K}y", other: "${WEIR_E2E:none}"}
"""


class Place:
    """A folder with a configuration, in which commands are run."""

    def __init__(self, config=CONFIG):
        self.folder = tempfile.TemporaryDirectory(prefix="weir-e2e-")
        self.path = pathlib.Path(self.folder.name)
        self.config = self.path / "weir.yml"
        self.config.write_text(config)

    def weir(self, *words, given=None, code=0, environment=None):
        done = subprocess.run([probe.WEIR, "--path.home", self.path, "-c", self.config, *words],
                              input=None if given is None else given.encode(), capture_output=True,
                              stdin=subprocess.DEVNULL if given is None else None,
                              timeout=probe.SECONDS, env={**os.environ, **(environment or {})})
        said = done.stdout.decode() + done.stderr.decode()
        probe.check_end(done.returncode, said, code, ["weir", *words])
        return said

    def keystore(self, *words, **more):
        return self.weir("keystore", *words, **more)


def want_in(text, said):
    probe.want(text in said, f"«{text}» is not in «{said.strip()}»")


def commands():
    place = Place()
    want_in("there is no keystore", place.keystore("list", code=1))
    want_in("there is no keystore", place.keystore("add", "K", "--stdin", given="x", code=1))
    want_in("Created", place.keystore("create"))
    file = place.path / "data/weir.keystore"
    probe.want(file.stat().st_mode & 0o7777 == 0o600, f"its mode is {file.stat().st_mode:o}")
    want_in("is there already", place.keystore("create", code=1))
    place.keystore("add", "B", "--stdin", given="one\n")
    place.keystore("add", "A.x", "--stdin", given="two")
    want_in("is there already", place.keystore("add", "B", "--stdin", given="three", code=1))
    place.keystore("add", "B", "--stdin", "--force", given="three")
    probe.want(place.keystore("list") == "A.x\nB\n", "the list is another")
    want_in("Removed", place.keystore("remove", "B"))
    want_in("no secret of that name", place.keystore("remove", "B", code=1))
    want_in("no name of a secret", place.keystore("add", "a b", "--stdin", given="x", code=1))
    want_in("no secret was given", place.keystore("add", "C", "--stdin", given="\n", code=1))
    for words in (["add"], ["list", "x"], ["remove"], ["remove", "a", "b"], ["burn"], []):
        want_in("usage", place.keystore(*words, code=2))
    place.keystore("create", "--force")
    probe.want(place.keystore("list") == "", "a new keystore holds something")


def lookup():
    """A secret wins over the environment, a setting over a secret; the reference's file serves."""
    place = Place()
    place.keystore("add", "K", "--stdin", "--force", given=SECRET)
    place.keystore("add", "path.home", "--stdin", given="/nowhere")
    result = probe.run(probe.GOLDEN / "first/first.pcap", place.config,
                       settings=[f"path.data={place.path}/data"])
    probe.want(result.documents, "there are no documents")
    for one in result.documents:
        probe.want(one["agent"]["name"] == SECRET, f"agent.name is {one['agent']['name']}")
        probe.want(one["fields"] == {"mixed": f"x{SECRET}y", "other": "none"}, "fields differ")
    want_in("name: xxxxx", place.weir("export", "config", environment={"K": "environment"}))
    place.keystore("remove", "K")
    want_in("name: environment", place.weir("export", "config", environment={"K": "environment"}))
    (place.path / "data/weir.keystore").rename(place.path / "data/packetbeat.keystore")
    place.keystore("add", "K", "--stdin", given="moved")
    want_in("name: xxxxx", place.weir("export", "config"))
    (place.path / "data/packetbeat.keystore").rename(place.path / "elsewhere")
    want_in("name: xxxxx", place.weir("export", "config", "-E", f"keystore.path={place.path}/elsewhere"))


def never_shown():
    place = Place(CONFIG + "weir.shutdown_timeout: ${K}\n")
    place.keystore("create")
    said = [place.keystore("add", "K", "--stdin", given=SECRET), place.keystore("list"),
            place.weir("export", "config", "-E", "weir.shutdown_timeout=1s"),
            place.weir("test", "config", code=1)]
    want_in("a text that is not shown", said[-1])
    for one in said:
        probe.want("hunter2" not in one, f"the secret is in «{one.strip()}»")
    file = (place.path / "data/weir.keystore").read_text()
    probe.want("hunter2" not in file, "the secret is in the file as it is")


def damaged():
    place = Place()
    file = place.path / "data/weir.keystore"
    place.keystore("create")
    place.keystore("add", "K", "--stdin", given="x")
    file.chmod(0o640)
    want_in("0640", place.weir("test", "config", code=1))
    file.chmod(0o600)
    file.write_text(file.read_text()[:-8])
    want_in("is damaged", place.weir("test", "config", code=1))
    file.unlink()
    want_in("Config OK", place.weir("test", "config"))


def terminal():
    """At a terminal the secret is asked for, and what is typed is not shown."""
    place = Place()
    pid, terminal_end = pty.fork()
    if pid == 0:
        os.execv(probe.WEIR, ["weir", "--path.home", str(place.path), "-c", str(place.config),
                              "keystore", "add", "K"])
    said = b""
    for question, answer in ((b"[y/N]: ", b"y\n"), (b"Enter value for K: ", SECRET.encode() + b"\n")):
        while question not in said:
            ready, _, _ = select.select([terminal_end], [], [], probe.SECONDS)
            probe.want(ready, f"no question: {said}")
            said += os.read(terminal_end, 4096)
        os.write(terminal_end, answer)
    try:
        while block := os.read(terminal_end, 4096):
            said += block
    except OSError:
        pass  # the other end is closed
    _, status = os.waitpid(pid, 0)
    probe.want(os.waitstatus_to_exitcode(status) == 0, f"it ended with {status}: {said}")
    probe.want(b"hunter2" not in said, f"the secret is shown: {said}")
    want_in("name: xxxxx", place.weir("export", "config"))


def main():
    suite = probe.Suite(sys.argv[1:])
    for test in (commands, lookup, never_shown, damaged, terminal):
        suite.add("keystore", test.__name__, test)
    return 0 if suite.run() else 1


sys.exit(main())
