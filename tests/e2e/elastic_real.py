#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Documents to a genuine Elasticsearch and a genuine OpenSearch: the template is taken, documents
are found with the right mappings, and a server killed in mid-run loses nothing.

  elastic_real.py [elasticsearch|opensearch]

Skipped, with one line, where the servers' packages cannot be had.
"""
import os
import pathlib
import subprocess
import sys
import time
import urllib.error

import elastic
import probe
from probe import ROOT, want

sys.path.insert(0, str(ROOT / "tests/services"))
import search

EVENTS = 60_000
INDEX = "weir-test"


def count(node, index, query=None):
    node.ask("POST", f"/{index}/_refresh")
    body = {"query": query or {"match_all": {}}, "track_total_hits": True, "size": 0}
    return node.ask("POST", f"/{index}/_search", body)["hits"]["total"]["value"]


def configured(folder, node, **more):
    config = elastic.configuration(folder, [node.url], more)
    text = config.read_text().replace('"protocols": [', '"flows": {}, "protocols": [{"type": "http", '
                                      '"ports": [80, 8080, 8000]}, {"type": "icmp"}, ')
    config.write_text(text)
    return config


def template_and_mappings(node):
    """The golden capture: everything is found by its type."""
    with elastic.place() as folder:
        config = configured(folder, node)
        for verb in (["test", "output"], ["setup"], ["setup"]):
            done = subprocess.run([probe.WEIR, *verb, "-c", config], capture_output=True, text=True)
            want(done.returncode == 0, f"{verb}: {done.stdout}{done.stderr}")
        want("is there" in done.stdout, f"put again: {done.stdout}")
        rows, log = elastic.run(folder, ROOT / "tests/golden/first/first.pcap", config)
    want(rows["delivered"] == rows["accepted"] > 0, f"{rows}")
    streams = [name for name in node.ask("GET", "/_cat/indices?format=json&expand_wildcards=all")]
    name = "weir-" + subprocess.run([probe.WEIR, "version"], capture_output=True,
                                    text=True).stdout.split()[1].strip(",")
    backing = [one["index"] for one in streams if name in one["index"]]
    want(backing and backing[0].startswith(".ds-"), f"no data stream: {[s['index'] for s in streams]}")
    want(count(node, name) == rows["delivered"], "not all are found")
    year = {"range": {"@timestamp": {"gte": "2000-01-01", "lt": "now+1d"}}}
    want(count(node, name, year) == rows["delivered"], "a range of dates does not find all")
    block = {"term": {"source.ip": "10.0.0.0/8"}}
    want(count(node, name, block) > 0, "a network does not find its addresses")
    nowhere = {"term": {"source.ip": "198.51.100.0/24"}}
    want(count(node, name, nowhere) == 0, "a network finds addresses that are not its own")
    large = {"range": {"source.bytes": {"gte": 10, "lt": 100_000_000}}}
    want(count(node, name, large) > 0, "a range of numbers finds nothing")
    terms = {"term": {"event.dataset": "dns"}}
    want(0 < count(node, name, terms) < rows["delivered"], "a keyword does not tell documents apart")
    return f"{rows['delivered']} documents in {backing[0]}"


def refused_by_mapping(node):
    """What the mapping cannot take becomes a dead letter, the others are stored."""
    node.ask("PUT", "/narrow", {"mappings": {"properties": {"dns": {"properties": {
        "id": {"type": "byte"}}}}}})
    with elastic.place() as folder:  # ids are 0 to 999, a byte holds 127
        elastic.write_capture(folder / "load.pcap", [f"q{number:07}" for number in range(1000)])
        config = elastic.configuration(folder, [node.url], {
            "index": "narrow", "non_indexable_policy": {"dead_letter_index": {"index": "letters"}}})
        rows, log = elastic.run(folder, folder / "load.pcap", config)
    want(rows.get("delivered") == 128 and rows.get("dead_letters") == 872, f"{rows}")
    want(count(node, "narrow") == 128 and count(node, "letters") == 872, "not all are found")
    want("q0000" not in log, "the log quotes documents")
    return f"{rows['dead_letters']} dead letters"


def killed_in_mid_run(node):
    names = [f"q{number:07}" for number in range(EVENTS)]
    with elastic.place() as folder:
        elastic.write_capture(folder / "load.pcap", names)
        config = elastic.configuration(folder, [node.url], {
            "index": INDEX, "document_id": "hash", "workers": 2, "bulk_max_size": 500,
            "timeout": "30s"})
        with elastic.started(folder, config) as process:
            elastic.wait_for(lambda: stored(node) > EVENTS // 20, 120)
            node.kill()
            before = time.monotonic()
            want(process.poll() is None, "it ended before the server was killed: more events are needed")
            node.start()
            away = time.monotonic() - before
            rows = elastic.ended(process)
    want(rows["delivered"] == EVENTS and "shed" not in rows and "refused" not in rows, f"{rows}")
    want(count(node, INDEX) == EVENTS, f"{count(node, INDEX)} of {EVENTS} are there")
    return f"{EVENTS} stored, server away {away:.0f} s, {rows.get('retries', 0)} sent again, " \
           f"{rows.get('duplicates', 0)} found there"


def stored(node):
    try:
        return count(node, INDEX)
    except (OSError, ValueError, urllib.error.URLError):
        return 0


TESTS = [template_and_mappings, refused_by_mapping, killed_in_mid_run]


def main(words):
    good, me = [], f"WEIR={probe.WEIR} python3 {os.path.abspath(__file__)}"
    for engine in words or search.VERSIONS:
        try:
            with search.Node(engine, f"node-{engine}-{os.getpid()}") as node:
                good += [elastic.attempt(f"{engine}: {test.__name__.replace('_', ' ')}",
                                         lambda t=test: t(node), f"{me} {engine}") for test in TESTS]
        except search.Skip as why:
            print(f"SKIP: no {engine}: {why}")
    if not good:
        return 77
    print(f"{sum(good)} of {len(good)} hold")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
