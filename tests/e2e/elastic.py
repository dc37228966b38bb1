#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Documents to a server that misbehaves: none is lost, whatever it does.

An event is an obligation once the output accepted it. When the faults have stopped, each is in the
server's record, a dead letter there, or counted as refused, too large or shed; and with ids none is
there twice. Each schedule of faults is drawn from its number:

  elastic.py                 a few small schedules, and the cases below
  elastic.py --long [N]      schedules 1 to N (20) of 50,000 events each
  elastic.py --schedule N    one of them; with --long of the large kind
  elastic.py CASE            one case
"""
import contextlib
import json
import pathlib
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

import fake_es
import probe
from probe import want

SMALL, LARGE = 3000, 50_000
NAME = re.compile(rb'name\\?":\\?"(\w+)\.test')
FAULTS = ["429", "503", "401", "502", "html", "reset_before", "slow_refuse", "items_429",
          "items_503", "reset_after", "cut", "garbage", "short", "long", "partial"]


def key(source):
    return NAME.search(source)[1].decode()


# ── captures ──

def question(number, name, answered):
    flags, answers = (0x8180, 1) if answered else (0x0100, 0)
    data = struct.pack("!HHHHHH", number & 0xFFFF, flags, 1, answers, 0, 0)
    data += bytes([len(name)]) + name + b"\4test\0" + b"\0\1\0\1"
    return data + (b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\7" if answered else b"")


def datagram(source, target, ports, payload):
    udp = struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + source + target
    return b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" + ip + udp


def write_capture(path, names, start=1_700_000_000):
    """A DNS question and its answer for each name, from that second on."""
    client, server = b"\x0a\0\0\1", b"\x0a\0\0\2"
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for number, name in enumerate(names):
        port = 1024 + number % 60000
        for answered in (False, True):
            ends = (server, client, (53, port)) if answered else (client, server, (port, 53))
            data = datagram(*ends, question(number, name.encode(), answered))
            tick = 20 * number + 10 * answered
            out.append(struct.pack("<IIII", start + tick // 1_000_000, tick % 1_000_000,
                                   len(data), len(data)) + data)
    pathlib.Path(path).write_bytes(b"".join(out))


# ── running ──

def configuration(folder, hosts, output="", compat=False, setup=None):
    settings = {"hosts": hosts, "backoff": {"init": "20ms", "max": "200ms"}, "timeout": "5s"}
    config = {"packetbeat" if compat else "weir": {"protocols": [{"type": "dns", "ports": [53]}]},
              "output": {"elasticsearch": {**settings, **(output or {})}},
              "path": {"home": str(folder)}, "queue": {"mem": {"flush": {"timeout": "50ms"}}},
              "logging": {"metrics": {"enabled": False}, "json": False}, "setup": setup or {}}
    path = pathlib.Path(folder, "weir.yml")
    path.write_text(json.dumps(config))
    return path


def command(folder, capture, config):
    return [str(probe.WEIR), "run", "-e", "-t", "-c", str(config), "-I", str(capture)]


def run(folder, capture, config, seconds=240, code=0):
    words = command(folder, capture, config)
    done = subprocess.run(words, capture_output=True, timeout=seconds)
    log = done.stderr.decode(errors="replace")
    probe.check_end(done.returncode, log, code, words)
    return columns(log), log


def columns(log):
    """The rows of the output in the table at the end of a run."""
    table = log[log.index("\noutput.elasticsearch "):].splitlines()[1:]
    rows = {"accepted": int(table[0].split()[1])}
    for line in table[1:]:
        if not line.startswith("  "):
            break
        rows[line.split()[0]] = int(line.split()[1])
    return rows


@contextlib.contextmanager
def place():
    with tempfile.TemporaryDirectory(prefix="weir-elastic-") as folder:
        yield pathlib.Path(folder)


@contextlib.contextmanager
def served(*args, **more):
    fake = fake_es.Fake(*args, key=key, **more)
    try:
        yield fake
    finally:
        fake.close()


# ── the oracle ──

def judge(names, record, rows, main, ids, poison=()):
    """Every name is in its column."""
    stored = list(record.documents[main].values())
    all_letters = list(record.documents["dead-letters"].values())
    letters = set(all_letters)
    found = set(stored)
    let_go = sum(rows.get(column, 0) for column in ("refused", "too_large", "shed"))
    want(rows["accepted"] == len(names), f"{rows['accepted']} accepted of {len(names)}")
    missing = set(names) - found - letters
    want(len(missing) <= let_go, f"{len(missing)} documents are nowhere, {let_go} are counted as "
                                 f"let go; one of them: {min(missing, default=None)}; {rows}")
    want(found <= set(names), "documents that nobody sent")
    want(not found & set(poison), "a poisoned document was stored")
    want(letters <= set(poison), "a good document became a dead letter")
    counted = rows.get("dead_letters", 0)
    want(0 <= len(letters) - counted <= rows.get("shed", 0),
         f"{len(letters)} dead letters, {counted} counted, {rows.get('shed', 0)} given up")
    want(not ids or len(all_letters) == len(letters), "a dead letter is there twice")
    want(not ids or len(stored) == len(found),
         f"{len(stored) - len(found)} documents are there twice, in spite of ids")


def draw_names(rnd, events):
    share = rnd.choice([0, 0, 0.001, 0.02])
    return [f"{'poison' if rnd.random() < share else 'q'}{number:07}" for number in range(events)]


def draw_faults(rnd):
    faults = {"none": rnd.choice([2, 5, 20])}
    for fault in rnd.sample(FAULTS, rnd.randint(1, len(FAULTS))):
        faults[fault] = rnd.choice([1, 1, 2, 4])
    return faults


def draw_output(rnd):
    output = {"compression_level": rnd.choice([0, 1, 5]), "workers": rnd.choice([1, 1, 2, 4]),
              "bulk_max_size": rnd.choice([50, 400, 1600]),
              "loadbalance": rnd.random() < 0.7,
              "document_id": rnd.choice(["none", "hash"])}
    if rnd.random() < 0.5:
        output["non_indexable_policy"] = {"dead_letter_index": {"index": "dead-letters"}}
    return output


def trouble(fake, fakes, rnd, until):
    """Kills and revives servers now and then; at the end all are alive and well."""
    while time.monotonic() < until:
        time.sleep(rnd.uniform(0.05, 0.5))
        one = rnd.choice(fakes)
        if rnd.random() < 0.3:
            one.kill()
            time.sleep(rnd.uniform(0.05, 0.4))
            one.revive()
    for one in fakes:
        one.faults = {}


def schedule(number, events, seconds):
    rnd = random.Random(number)
    names, output = draw_names(rnd, events), draw_output(rnd)
    compat = rnd.random() < 0.3
    limit = rnd.choice([None, None, 40_000, 300_000])
    with place() as folder, served(seed=number, faults=draw_faults(rnd), limit=limit,
                                   poison=b"poison", pace=rnd.choice([0, 0, 0.002])) as fake, \
            contextlib.ExitStack() as others:
        fakes = [fake]
        if rnd.random() < 0.5:
            fakes.append(others.enter_context(
                served(seed=-number, faults=draw_faults(rnd), limit=limit, poison=b"poison")))
            fakes[1].record = fake.record
        write_capture(folder / "load.pcap", names)
        config = configuration(folder, [one.url for one in fakes], output, compat)
        worker = threading.Thread(target=trouble, args=(
            fake, fakes, rnd, time.monotonic() + seconds), daemon=True)
        worker.start()
        rows, log = run(folder, folder / "load.pcap", config)
        worker.join()
        main = "packetbeat-8.17.2" if compat else next(
            (name for name in fake.record.documents if name != "dead-letters"), "none")
        judge(names, fake.record, rows, main, output["document_id"] == "hash",
              [name for name in names if name.startswith("poison")])
        kinds = ", ".join(f"{count} {mood}" for mood, count in fake.record.requests.most_common(4))
        return (f"{len(names)} events, {rows['delivered']} delivered, "
                f"{rows.get('dead_letters', 0)} dead letters, {rows.get('refused', 0)} refused, "
                f"{rows.get('shed', 0)} shed, {rows.get('retries', 0)} sent again, "
                f"{rows.get('duplicates', 0)} found there; requests: {kinds}")


# ── cases ──

def simple(events=SMALL, output=None, code=0, compat=False, names=None, **fake_settings):
    """One run against one fake; what it says of the output, the log, the fake."""
    names = names or [f"q{number:07}" for number in range(events)]
    with place() as folder, served(**fake_settings) as fake:
        write_capture(folder / "load.pcap", names)
        config = configuration(folder, [fake.url], output, compat)
        rows, log = run(folder, folder / "load.pcap", config, code=code)
        return rows, log, fake


def case_all_is_well():
    for level in (0, 1, 6):
        rows, _, fake = simple(output={"compression_level": level})
        want(rows["delivered"] == SMALL, f"delivered {rows}")
        want(len(fake.all_documents()) == SMALL, "not all are there")
        want(rows["parcels"] <= 100, f"{rows['parcels']} requests for {SMALL} documents")


def case_too_large_is_halved_and_remembered():
    rows, _, fake = simple(limit=100_000)
    want(rows["delivered"] == SMALL, f"{rows}")
    want(rows["splits"] <= 12, f"{rows['splits']} requests were too large: it does not remember")


def case_a_poisoned_document_blocks_no_other():
    names = [f"{'poison' if n % 100 == 7 else 'q'}{n:07}" for n in range(SMALL)]
    rows, log, fake = simple(names=names, poison=b"poison")
    want(rows["refused"] == SMALL // 100 and rows["delivered"] == SMALL - SMALL // 100, f"{rows}")
    want("secret" not in log, "the log quotes documents")
    want(log.count("were refused") == 1, "one line a minute")
    dead = {"non_indexable_policy": {"dead_letter_index": {"index": "dead-letters"}}}
    rows, log, fake = simple(names=names, poison=b"poison", output=dead)
    want(rows["dead_letters"] == SMALL // 100 and "refused" not in rows, f"{rows}")
    want(len(fake.record.documents["dead-letters"]) == SMALL // 100, "letters")


def case_an_unreadable_request_is_halved():
    names = [f"{'broken' if n in (5, 1700) else 'q'}{n:07}" for n in range(SMALL)]
    rows, _, fake = simple(names=names, unreadable=b"broken")
    want(rows["refused"] == 2 and rows["delivered"] == SMALL - 2, f"{rows}")


def case_a_setting_that_nothing_gets_through_with_loses_nothing():
    """400 for every request: it is not the documents."""
    with place() as folder, served(unreadable=b"dns") as fake:
        write_capture(folder / "load.pcap", [f"q{number:07}" for number in range(500)])
        config = configuration(folder, [fake.url], {"bulk_max_size": 50})
        with started(folder, config) as process:
            wait_for(lambda: fake.record.requests["none"] > 100)
            fake.unreadable = None
            rows = ended(process)
        want(rows["delivered"] == 500 and "refused" not in rows, f"{rows}")


def case_a_setting_that_is_mended_in_the_middle_loses_nothing():
    """The documents that were refused alone just before are not to blame either."""
    for times in range(2, 14):
        rows, _, _ = simple(events=40, unreadable=b"dns", unreadable_times=times,
                            output={"workers": 1, "backoff": {"init": "1ms", "max": "5ms"}})
        want(rows["delivered"] == 40 and "refused" not in rows, f"{times} times: {rows}")


def case_overload_costs_no_retry():
    rows, _, fake = simple(events=400, compat=True, faults={"items_429": 1}, share=0.5,
                           output={"bulk_max_size": 50, "backoff": {"init": "1ms", "max": "5ms"}})
    want(rows["delivered"] == 400 and "shed" not in rows, f"{rows}")
    want(rows["busy"] > 300, f"{rows}")


def case_overload_means_less_at_once():
    with place() as folder, served(faults={"429": 1}, pace=0.005) as fake:
        names = [f"q{number:07}" for number in range(SMALL)]
        write_capture(folder / "load.pcap", names)
        config = configuration(folder, [fake.url], {"workers": 8, "bulk_max_size": 50})
        with started(folder, config) as process:
            wait_for(lambda: fake.record.requests["429"] > 20)
            fake.at_once_most = 0
            wait_for(lambda: fake.record.requests["429"] > 26)
            want(fake.at_once_most <= 2, f"{fake.at_once_most} at once in spite of refusals")
            fake.faults = {}
            rows = ended(process)
        want(rows["delivered"] == SMALL, f"{rows}")


def case_half_an_answer_is_none():
    rows, _, fake = simple(faults={"partial": 1, "none": 1}, output={"document_id": "hash"})
    want(rows["delivered"] == SMALL == len(fake.all_documents()), f"{rows}")


def case_conflicts_are_deliveries():
    rows, _, fake = simple(faults={"reset_after": 1, "none": 2}, output={"document_id": "hash"})
    want(rows["delivered"] == SMALL and rows.get("duplicates", 0) > 0, f"{rows}")
    want(len(fake.all_documents()) == SMALL, "stored twice")


def case_routes_by_rules_and_protocol():
    output = {"index": "main-%{[type]}-%{+yyyy.MM}",
              "indices": [{"index": "OTHER", "when": {"contains": {"dns.question.name": "q0000007"}}}],
              "pipeline": "p-%{[type]}"}
    rows, _, fake = simple(output=output, events=300)
    found = {name: len(documents) for name, documents in fake.record.documents.items()}
    want(found == {"main-dns-2023.11": 299, "other": 1}, f"indices: {found}")


def case_forbidden_is_kept():
    with place() as folder, served(users=["ApiKey " + "eDp5"]) as fake:
        write_capture(folder / "load.pcap", [f"q{number:07}" for number in range(100)])
        wrong = configuration(folder, [fake.url], {"username": "me", "password": "hidden-word"})
        with started(folder, wrong, "-E", "weir.shutdown_timeout=300ms") as process:
            wait_for(lambda: fake.record.denied > 10)
            process.send_signal(signal.SIGTERM)
            rows = ended(process, code=None)
            want("delivered" not in rows and rows["shed"] == 100, f"{rows}")
            want("hidden-word" not in process.log, "a password in the log")
            want("see username, password, api_key" in process.log, "no hint")
            want(process.log.count("HTTP 401") <= 3, "the same line again and again")
        right = configuration(folder, [fake.url], {"api_key": "x:y"})
        rows, _ = run(folder, folder / "load.pcap", right)
        want(rows["delivered"] == 100, f"{rows}")


def case_no_root_no_templates():
    rows, log, fake = simple(root=False, templates=False, product=False, events=100)
    want(rows["delivered"] == 100, f"{rows}")
    want("going on without" in log, "it does not say that there is no template")


def set_up(folder, fake, **settings):
    """What `weir setup` says, with these settings below setup."""
    done = run_setup(folder, fake, settings)
    want(done.returncode == 0, done.stderr + done.stdout)
    return done.stdout


def run_setup(folder, fake, settings):
    config = configuration(folder, [fake.url], setup=settings)
    return subprocess.run([probe.WEIR, "setup", "-c", config], capture_output=True, text=True)


def one(fake, beginning):
    (name, body), = [item for item in fake.things.items() if item[0].startswith(beginning)]
    return name[len(beginning):], body


def puts(fake):
    return [path for method, path, _ in fake.record.others if method == "PUT"]


def case_setup_is_idempotent():
    with place() as folder, served() as fake:
        for again in range(2):
            said = set_up(folder, fake)
            want(("was put" in said) == (not again), said)
        want(len(fake.things) == 3, f"{list(fake.things)}")
        want(one(fake, "_ilm/policy/")[1]["policy"]["phases"]["hot"]["actions"]["rollover"],
             "no rollover")
        index = one(fake, "_index_template/")[1]["template"]["settings"]["index"]
        want(index["lifecycle"] == {"name": "weir"}, f"another lifecycle: {index}")


def case_setup_of_opensearch_has_state_management():
    """The policy names the data stream by a pattern; again, nothing is put."""
    with place() as folder, served(engine="opensearch") as fake:
        for again in range(2):
            said = set_up(folder, fake)
            want(("was put" in said) == (not again), said)
        want(len(fake.things) == 3, f"{list(fake.things)}")
        name, policy = one(fake, "_plugins/_ism/policies/")
        stream, _ = one(fake, "_data_stream/")
        rollover = policy["policy"]["states"][0]["actions"][0]["rollover"]
        want(name == "weir" and set(rollover) == {"min_size", "min_index_age"}, f"{policy}")
        want(policy["policy"]["ism_template"] == [{"index_patterns": [stream + "*"],
                                                   "priority": 150}], f"{policy}")
        template = one(fake, "_index_template/")[1]
        want("data_stream" in template and
             "lifecycle" not in template["template"]["settings"]["index"], f"{template}")
        paths = [path for path in puts(fake) if "_data_stream" not in path]
        want(len(paths) == 2 and "_ism" in paths[0], f"the policy must be there first: {paths}")


def case_setup_leaves_a_policy_alone():
    """Of the user, until overwrite is set; ISM then wants its version."""
    own = {"policy": {"description": "mine", "states": []}}
    for engine, path in (("opensearch", "_plugins/_ism/policies/kept"),
                         ("elasticsearch", "_ilm/policy/kept")):
        with place() as folder, served(engine=engine) as fake:
            fake.things[path] = own
            fake.record.others.append(("PUT", "/" + path, b""))
            said = set_up(folder, fake, ilm={"policy_name": "kept"})
            want(fake.things[path] == own and "kept is there" in said, said)
            said = set_up(folder, fake, ilm={"policy_name": "kept", "overwrite": True})
            want(fake.things[path] != own and "kept was put" in said, said)
            before = puts(fake).count("/" + path)
            said = set_up(folder, fake, ilm={"policy_name": "kept", "check_exists": False})
            want(puts(fake).count("/" + path) == before, f"put without looking: {said}")


def case_setup_takes_any_name():
    for engine in ("elasticsearch", "opensearch"):
        with place() as folder, served(engine=engine) as fake:
            set_up(folder, fake, ilm={"policy_name": 'a b?"ü'}, template={"name": "c d#", "pattern": '"*'})
            found = " ".join(fake.things)
            want('/a b?"ü' in found and "/c d#" in found, found)
            want(one(fake, "_index_template/")[1]["index_patterns"] == ['"*'], found)


def case_setup_takes_a_policy_from_a_file():
    own = {"policy": {"description": "mine", "default_state": "a", "states": []}}
    with place() as folder, served(engine="opensearch") as fake:
        (folder / "policy.json").write_text(json.dumps(own))
        set_up(folder, fake, ilm={"policy_file": str(folder / "policy.json")})
        want(one(fake, "_plugins/_ism/policies/")[1] == own, "another policy")


def case_setup_does_without_policies():
    """A server that has none, a user who wants none, a policy in the way: the template is put."""
    for settings, engine, words in (
            ({}, "opensearch without plugins", "no lifecycle policy: HTTP 400"),
            ({"ilm": {"enabled": False}}, "opensearch", "index template"),
            ({"template": {"name": "w", "pattern": "taken*"}}, "opensearch", "another priority")):
        with place() as folder, served(engine=engine) as fake:
            fake.things["_plugins/_ism/policies/other"] = {"policy": {"ism_template": [
                {"index_patterns": ["taken*"], "priority": 150}]}}
            said = set_up(folder, fake, **settings)
            want(words.replace("another", "a different") in said, said)
            want(one(fake, "_index_template/") and "_plugins/_ism/policies/weir" not in fake.things,
                 f"{list(fake.things)}")
            write_capture(folder / "load.pcap", [f"q{number:07}" for number in range(100)])
            rows, _ = run(folder, folder / "load.pcap", configuration(folder, [fake.url], setup=settings))
            want(rows["delivered"] == 100, f"{rows}")


def case_setup_gives_a_data_stream_its_own_lifecycle():
    """Instead of a policy, where it is asked for; OpenSearch has none, and that is said."""
    for engine in ("elasticsearch", "opensearch"):
        with place() as folder, served(engine=engine) as fake:
            said = set_up(folder, fake, dsl={"enabled": True, "data_retention": "9d"})
            template = one(fake, "_index_template/")[1]["template"]
            has_it = template.get("lifecycle") == {"data_retention": "9d"}
            want(has_it == (engine == "elasticsearch") != ("setup.dsl: " in said), f"{said}{template}")
            want(not any("policy" in path or "policies" in path for path in fake.things), said)
            want(len(fake.things) == 2, f"{list(fake.things)}")


def case_setup_rolls_over_an_alias():
    """Where there are no data streams; again, nothing is put, and documents go to the alias."""
    for engine, path, setting in (
            ("opendistro", "_opendistro/_ism/policies/",
             "opendistro.index_state_management.rollover_alias"),
            ("elasticsearch", "_ilm/policy/", "lifecycle.rollover_alias")):
        with place() as folder, served(engine=engine, streams=False) as fake:
            for again in range(2):
                said = set_up(folder, fake)
                want(("was put" in said) == (not again), said)
                name, template = one(fake, "_index_template/")
                fake.things.setdefault(name, {})  # the alias finds its index
            index = template["template"]["settings"]["index"]
            want("data_stream" not in template and index[setting] == name, f"{index}")
            want(fake.things[name + "-000001"] == {"aliases": {name: {"is_write_index": True}}},
                 f"{list(fake.things)}")
            want(one(fake, path) and len(fake.things) == 4, f"{list(fake.things)}")


def case_setup_takes_a_template_from_a_file():
    own = {"index_patterns": ["mine-*"], "data_stream": {}}
    for stream in (False, True):
        with place() as folder, served() as fake:
            (folder / "own.json").write_text(json.dumps(own))
            set_up(folder, fake, template={"json": {"enabled": True, "name": "mine-a", "path":
                                                    str(folder / "own.json"), "data_stream": stream}})
            want(fake.things["_index_template/mine-a"] == own, f"{list(fake.things)}")
            want(("_data_stream/mine-a" in fake.things) == stream, f"{list(fake.things)}")


def case_setup_says_what_it_has_no_use_for():
    """Each of the reference's settings is taken; what is not done is said, once each."""
    unused = {"template": {"fields": "fields.yml", "append_fields": [{"name": "a", "type": "long"}],
                           "type": "index"},
              "dsl": {"data_stream_pattern": "a-*", "policy_file": "a", "check_exists": True,
                      "overwrite": False},
              "dashboards": {"enabled": True, "directory": "a", "retry": {"enabled": False}},
              "kibana": {"host": "localhost:5601", "ssl": {"enabled": False}}}
    used = {"template": {"enabled": True, "name": "a", "pattern": "a*", "overwrite": True, "priority": 7,
                         "settings": {"index": {"number_of_shards": 3, 'a"b': float("inf")},
                                      "_source": {"enabled": True}},
                         "json": {"enabled": False}},
            "ilm": {"enabled": True, "policy_name": "p", "check_exists": True, "overwrite": False},
            "dsl": {"enabled": False, "data_retention": "9d"}}
    with place() as folder, served() as fake:
        whole = {key: {**unused.get(key, {}), **used.get(key, {})} for key in unused | used}
        done = run_setup(folder, fake, whole)
        want(done.returncode == 0, done.stderr)
        for name in (*unused["template"], *unused["dsl"], "dashboards", "kibana"):
            want(done.stderr.count(f": {name}: has no effect: ") == 1, f"{name}: {done.stderr}")
        template = fake.things["_index_template/a"]
        index = template["template"]["settings"]["index"]
        want(template["priority"] == 7 and template["index_patterns"] == ["a*"] and
             index["number_of_shards"] == 3 and index['a"b'] == "Infinity" and
             index["lifecycle"] == {"name": "p"} and
             template["template"]["mappings"]["_source"] == {"enabled": True}, f"{index}")
        done = run_setup(folder, fake, {"template": {"json": {"enabled": True}}})
        want(done.returncode == 1 and "setup.template.json.path" in done.stderr, done.stderr)


def case_test_output_says_each_step():
    with place() as folder, served() as fake:
        config = configuration(folder, [fake.url])
        done = subprocess.run([probe.WEIR, "test", "output", "-c", config], capture_output=True,
                              text=True)
        want(done.returncode == 0 and "product: Elasticsearch 8.19.0" in done.stdout, done.stdout)
        fake.kill()
        done = subprocess.run([probe.WEIR, "test", "output", "-c", config], capture_output=True,
                              text=True)
        want(done.returncode == 1 and "dial up... ERROR" in done.stdout, done.stdout)


def case_stop_does_not_hang():
    with place() as folder, served(pace=300) as fake:
        write_capture(folder / "load.pcap", [f"q{number:07}" for number in range(100)])
        config = configuration(folder, [fake.url], {"timeout": "300s"})
        with started(folder, config, "-E", "weir.shutdown_timeout=300ms") as process:
            wait_for(lambda: fake.at_once > 0)
            process.send_signal(signal.SIGTERM)
            rows = ended(process, code=None)
            want(rows["shed"] == 100, f"{rows}")


def case_a_dead_output_holds_up_no_other():
    with place() as folder:
        write_capture(folder / "load.pcap", [f"q{number:07}" for number in range(20_000)])
        config = configuration(folder, ["http://127.0.0.1:1"])
        lines = lambda: sum(path.read_bytes().count(b"\n") for path in folder.glob("out/*"))
        with started(folder, config, "-E", f"output.file.path={folder}/out",
                     "-E", "queue.mem.when_full=drop_new", "-E", "queue.mem.events=2000",
                     "-E", "weir.shutdown_timeout=200ms") as process:
            wait_for(lambda: lines() == 20_000, 240, pause=0.3)  # it looks at 30 MB
            process.send_signal(signal.SIGTERM)
            rows = ended(process, code=None)
        want(rows["shed"] == 20_000, f"{rows}")


@contextlib.contextmanager
def started(folder, config, *more):
    words = command(folder, folder / "load.pcap", config) + list(more)
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    process.words = words
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.stderr.close()
        process.wait()


def ended(process, code=0, seconds=240):
    process.log = process.communicate(timeout=seconds)[1]
    probe.check_end(process.returncode, process.log, code, process.words)
    return columns("\n" + process.log)


def wait_for(condition, seconds=probe.SECONDS, pause=0.01):
    until = time.monotonic() + seconds
    while not condition():
        want(time.monotonic() < until, "waited in vain")
        time.sleep(pause)


# ── which ──

CASES = {name[5:]: case for name, case in list(globals().items()) if name.startswith("case_")}


def attempt(title, test, again):
    begun = time.monotonic()
    try:
        said = test()
    except Exception as failure:  # a missing column of the table says no less than a Failure
        print(f"FAILED {title}\n  {type(failure).__name__}: {failure}\n  again: {again}", flush=True)
        return False
    print(f"ok     {title} ({time.monotonic() - begun:.1f} s){': ' + said if said else ''}", flush=True)
    return True


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
    good = [attempt(name.replace("_", " "), case, f"{me} {name}") for name, case in cases.items()]
    good += [attempt(f"schedule {number}", lambda n=number: schedule(n, events, seconds),
                     f"{me} --schedule {number}{' --long' if long else ''}") for number in numbers]
    print(f"{sum(good)} of {len(good)} hold")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
