#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every processor on real documents: those without it, changed here by its rule, must be those with it."""
import base64
import hashlib
import ipaddress
import json
import pathlib
import platform
import re
import socket
import struct
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import probe  # noqa: E402

CAPTURE = probe.GOLDEN / "first/first.pcap"
BASE = (probe.GOLDEN / "default.yml").read_text()


def documents(more="", base=BASE, *words):
    with tempfile.TemporaryDirectory(prefix="weir-e2e-") as folder:
        config = pathlib.Path(folder) / "weir.yml"
        config.write_text(base + more)
        return probe.run(CAPTURE, config, *words)


# ── dotted paths of a document ──

def get(document, path):
    for name in path.split("."):
        if not isinstance(document, dict) or name not in document:
            return None
        document = document[name]
    return document


def put(document, path, value):
    *above, last = path.split(".")
    for name in above:
        document = document.setdefault(name, {})
    document[last] = value


def drop(document, path):
    *above, last = path.split(".")
    holders = [document]
    for name in above:
        holders.append(holders[-1].get(name, {}))
    value = holders[-1].pop(last, None)
    for holder, name in zip(reversed(holders[:-1]), reversed(above)):
        if holder.get(name) == {}:
            del holder[name]
    return value


def move(document, old, new):
    put(document, new, drop(document, old))


# ── what each processor should do: NAME (what follows under it), rule ──
# A rule changes the document; what it returns, if anything, takes its place; False: it is dropped.

RULES = []


def rule(settings):
    def keep(function):
        RULES.append((function.__name__, settings, function))
        return function
    return keep


@rule("{target: '', fields: {site: {name: north, level: 3}, open: true}}")
def add_fields(d):
    d |= {"site": {"name": "north", "level": 3}, "open": True}


@rule("{index: 'own-%{[type]}-%{+yyyy.MM}'}")
def add_formatted_index(d):
    put(d, "@metadata.raw_index", f"own-{d['type']}-{d['@timestamp'][:7].replace('-', '.')}")


@rule("{netinfo.enabled: false, name: here, geo: {name: lab, location: '48.2, 16.4'}}")
def add_host_metadata(d):
    found = d["host"]
    system = platform.uname()
    probe.want(found.pop("hostname") == socket.gethostname(), "another host")
    probe.want(found.pop("architecture") == system.machine, "another architecture")
    probe.want(found["os"].pop("kernel") == system.release, "another kernel")
    release = platform.freedesktop_os_release()
    for name, key in (("platform", "ID"), ("name", "NAME"), ("version", "VERSION"),
                      ("codename", "VERSION_CODENAME")):
        if key in release:
            probe.want(found["os"].pop(name) == release[key], f"another {name}")
    found["os"].pop("family", None)
    probe.want(found["os"].pop("type") == "linux", "another system")
    probe.want(isinstance(found.pop("containerized"), bool), "not true or false")
    found.pop("id", None)
    drop(d, "host.os")
    probe.want(found.pop("geo") == {"name": "lab", "location": "48.2, 16.4"}, "another place")


@rule("")
def add_id(d):
    probe.want(re.fullmatch(r"[-\w]{20}", drop(d, "@metadata._id")), "that is no id")


@rule("{labels: {a: 1, b: {c: x}}}")
def add_labels(d):
    d["labels"] = {"a": 1, "b.c": "x"}


@rule("")
def add_locale(d):
    probe.want(re.fullmatch(r"[-+]\d\d:\d\d", drop(d, "event.timezone")), "that is no offset")


@rule("{internal_networks: [10.77.0.1/32, 'fd77::/64'], target: way}")
def add_network_direction(d):
    inside = [ipaddress.ip_address(get(d, f"{side}.ip")) in network
              for side in ("source", "destination")
              for network in [ipaddress.ip_network("fd77::/64" if ":" in get(d, f"{side}.ip")
                                                   else "10.77.0.1/32")]]
    d["way"] = {(True, True): "internal", (True, False): "outbound", (False, True): "inbound",
                (False, False): "external"}[tuple(inside)]


@rule("{geo.name: lab}")
def add_observer_metadata(d):
    probe.want(d.pop("observer") == {"hostname": socket.gethostname(), "geo": {"name": "lab"}},
               "another observer")


@rule("{tags: [a, b]}")
def add_tags(d):
    d["tags"] = ["a", "b"]


@rule("{target_field: all, fields: [type, event.category, event.type], values: [network, 7], allow_duplicate: false}")
def append(d):
    put(d, "all", list(dict.fromkeys([d["type"], *d["event"]["category"], *d["event"]["type"], "network", 7])))


@rule("{seed: 7, target: seeded}")
def community_id(d):
    """Only what has ports: ICMP needs fields that these documents do not have under those names."""
    number = {"tcp": 6, "udp": 17}.get(get(d, "network.transport"))
    if not number:
        return
    ends = sorted((ipaddress.ip_address(get(d, f"{side}.ip")).packed, get(d, f"{side}.port"))
                  for side in ("source", "destination"))
    text = (struct.pack("!H", 7) + ends[0][0] + ends[1][0] + bytes([number, 0])
            + struct.pack("!HH", ends[0][1], ends[1][1]))
    d["seeded"] = "1:" + base64.b64encode(hashlib.sha1(text).digest()).decode()


@rule("{fields: [{from: source.port, to: port, type: string}, {from: dns.opt.version, type: long}, "
      "{from: source.ip, to: address, type: ip}], ignore_missing: true, mode: rename}")
def convert(d):
    if get(d, "source.port") is not None:
        put(d, "port", str(drop(d, "source.port")))
    if get(d, "dns.opt.version") is not None:
        put(d, "dns.opt.version", int(get(d, "dns.opt.version")))
    move(d, "source.ip", "address")


@rule("{fields: [{from: source, to: from}, {from: http.request.headers.host, to: a.b}], fail_on_error: false}")
def copy_fields(d):
    d["from"] = json.loads(json.dumps(d["source"]))
    if get(d, "http.request.headers.host"):
        put(d, "a.b", d["http"]["request"]["headers"]["host"])


@rule("{field: {from: coded, to: plain}}\n- drop_fields: {fields: coded}")
def decode_base64_field(d):
    d["plain"] = "Grüße"


@rule("{fields: [http.response.body.content], target: body, max_depth: 2, process_array: true}")
def decode_json_fields(d):
    try:
        d["body"] = json.loads(get(d, "http.response.body.content") or "")
    except ValueError:
        pass


@rule("{field: query, tokenizer: 'class %{class}, type %{type}, %{name}', target_prefix: asked, ignore_failure: true}")
def dissect(d):
    found = re.fullmatch(r"class (.*?), type (.*?), (.*)", d.get("query", "-"))
    if found:
        d["asked"] = dict(zip(("class", "type", "name"), found.groups()))
    elif "query" in d:
        put(d, "log.flags", ["dissect_parsing_error"])


@rule("{when.or: [{equals.type: flow}, {range.http.response.status_code.gte: 200}]}")
def drop_event(d):
    return d["type"] != "flow" and get(d, "http.response.status_code") is None


@rule("{fields: [http.request.headers, /^dns\\..*_count$/, network.type, none]}")
def drop_fields(d):
    for path in ("http.request.headers", "dns.answers_count", "dns.additionals_count", "dns.authorities_count",
                 "network.type"):
        if get(d, path) is not None:
            drop(d, path)


@rule("{fields: [type, network.transport, source.ip], method: sha1, encoding: base32, ignore_missing: true}")
def fingerprint(d):
    text = "".join(f"|{path}|{get(d, path)}" for path in ("network.transport", "source.ip", "type") if get(d, path))
    d["fingerprint"] = base64.b32encode(hashlib.sha1(text.encode() + b"|").digest()).decode()


@rule("{fields: [dns.question, http.request.headers.host, source]}")
def include_fields(d):
    kept = {key: d[key] for key in ("@metadata", "@timestamp", "type")}
    for path in ("dns.question", "http.request.headers.host", "source"):
        if get(d, path) is not None:
            put(kept, path, get(d, path))
    return kept


@rule("{values: [status, event.dataset], ignore_missing: true}")
def lowercase(d):
    if "status" in d:
        d["status"] = d["status"].lower()


@rule("{from: network, fields: [type, transport], to: 'net.', ignore_missing: true}")
def move_fields(d):
    for name in ("type", "transport"):
        if get(d, f"network.{name}") is not None:
            move(d, f"network.{name}", f"net.{name}")


@rule("{limit: 1000000/s, fields: [type]}")
def rate_limit(d):
    pass


@rule("{field: dns.question.name, target_field: r.domain, target_etld_field: r.top, "
      "target_subdomain_field: r.sub, ignore_missing: true}")
def registered_domain(d):
    name = get(d, "dns.question.name")
    if name:
        sub, domain = name.split(".", 1)
        d["r"] = {"domain": domain, "top": domain.split(".")[1], "sub": sub}


@rule("{fields: [{from: network, to: net.work}, {from: type, to: kind.of}]}\n- rename: {fields: [{from: kind, to: type}]}")
def rename(d):
    d["net"] = {"work": d.pop("network")}
    d["type"] = {"of": d["type"]}


@rule("{fields: [{field: community, pattern: '^1:(.)(.)', replacement: '$2$${1}-'}], ignore_missing: true}")
def replace(d):
    d["community"] = re.sub("^1:(.)(.)", r"\2\1-", get(d, "network.community_id"))


@rule("{field: event.end, target_field: finished, layouts: [UNIX, '2006-01-02T15:04:05Z07:00']}")
def timestamp(d):
    d["finished"] = get(d, "event.end")


@rule("{fields: [request, query, method], max_characters: 5, ignore_missing: true}")
def truncate_fields(d):
    for name in ("request", "query", "method"):
        if len(d.get(name, "")) > 5:
            d[name] = d[name][:5]
            put(d, "log.flags", ["truncated"])


@rule("{fields: [network.type], values: [network.transport], ignore_missing: true}")
def uppercase(d):
    if get(d, "network.type"):
        move(d, "network.type", "network.TYPE")
    if get(d, "network.transport"):
        put(d, "network.transport", get(d, "network.transport").upper())


@rule("{fields: [{from: coded, to: plain}]}\n- drop_fields: {fields: coded}")
def urldecode(d):
    d["plain"] = "a b/ü?"


# What must be there for a processor to work on.
BEFORE = {"decode_base64_field": "- add_fields: {target: '', fields: {coded: R3LDvMOfZQ==}}\n",
          "urldecode": "- add_fields: {target: '', fields: {coded: 'a+b%2F%c3%bc%3f'}}\n",
          "replace": "- copy_fields: {fields: [{from: network.community_id, to: community}]}\n"}


def check(name, settings, function):
    plain, found = documents().documents, documents(
        f"\nprocessors:\n{BEFORE.get(name, '')}- {name}: {settings}\n").documents
    wanted = []
    # Rules that look at what is there (ids, facts of this machine) take it out of both sides.
    looks = name in ("add_id", "add_locale", "add_host_metadata", "add_observer_metadata")
    for one in found if looks else plain:
        kept = function(one)
        if kept is not False:
            wanted.append(kept if isinstance(kept, dict) else one)
    if looks:
        probe.want_same(plain, wanted)
    else:
        probe.want_same(wanted, found)
    probe.want(found, "nothing is left")


def every_processor_is_here():
    listed = re.findall(r"^PROCESSOR\((\w+)\)", (probe.ROOT / "pipeline/processors/processors.def").read_text(),
                        re.M)
    probe.want(sorted(listed) == sorted(name for name, _, _ in RULES), f"{listed} are there")


# ── chains ──

def chains():
    """Global, of a protocol, of flows; in this order: own, then global."""
    base = BASE.replace("  - type: icmp\n", "  - type: icmp\n    processors: [{add_tags: {tags: [own]}}]\n")
    base = base.replace("  flows:\n", "  flows:\n    processors: [{drop_event.when.equals.network.transport: udp}]\n")
    found = documents("\nprocessors:\n- add_tags: {tags: [all]}\n"
                      "- if.equals.type: dns\n  then: {add_tags: {tags: [dns]}}\n"
                      "  else:\n  - if: {contains.tags: own}\n    then: [{add_tags: {tags: [seen]}}]\n", base)
    tags = {"icmp": ["own", "all", "seen"], "dns": ["all", "dns"]}
    for one in found.documents:
        probe.want(one["tags"] == tags.get(one["type"], ["all"]), f"{one['type']} has {one['tags']}")
        probe.want(one["type"] != "flow" or get(one, "network.transport") != "udp", "a UDP flow is left")
    probe.want(found.counters["events_filtered"] == 2, f"{found.counters['events_filtered']} were filtered")


def limits():
    """The limit counts by key, and what it drops is in the ledger."""
    found = documents("\nprocessors: [{rate_limit: {limit: 1/h, fields: [type]}}]\n")
    kinds = sorted(one["type"] for one in found.documents)
    probe.want(kinds == ["dns", "flow", "http", "icmp"], f"{kinds} passed")
    probe.want(found.counters["events_filtered"] == 13 - 4, f"the ledger differs: {found.counters}")


def ids_differ():
    found = documents("\nprocessors: [{add_id: }]\n", BASE, "-l", "5", "-E", "weir.interfaces.workers=3")
    ids = [get(one, "@metadata._id") for one in found.documents]
    probe.want(len(set(ids)) == len(ids) > 13, "ids come twice")


def routes():
    """add_formatted_index decides over the file's name as over an index."""
    one = documents("\nprocessors: [{add_formatted_index: {index: 'i-%{[event.dataset]}'}}]\n").documents
    probe.want({get(d, "@metadata.raw_index") for d in one} == {"i-dns", "i-http", "i-icmp", "i-flow"}, "differs")


def refused():
    for settings, words in (("{dissect: {field: a}}", "tokenizer"), ("{convert: {}}", "fields"),
                            ("{rate_limit: {limit: fast}}", "10/s"), ("{fingerprit: {}}", "fingerprint"),
                            ("{replace: {fields: [{field: a, pattern: '(', replacement: b}]}}", "weir.yml:")):
        with tempfile.TemporaryDirectory(prefix="weir-e2e-") as folder:
            config = pathlib.Path(folder) / "weir.yml"
            config.write_text(f"{BASE}\nprocessors: [{settings}]\n")
            found = probe.run(CAPTURE, config, code=1)
            probe.want(words in found.log, f"{settings}: {found.log}")


def main():
    suite = probe.Suite(sys.argv[1:])
    for name, settings, function in RULES:
        suite.add("processors", name, check, name, settings, function)
    for test in (every_processor_is_here, chains, limits, ids_differ, routes, refused):
        suite.add("chains", test.__name__, test)
    return 0 if suite.run() else 1


sys.exit(main())
