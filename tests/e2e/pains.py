#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What users of other probes complain about, one hand-made capture each: every exchange in it is
valid, and every one of them must be in a document of its own.

    tests/e2e/pains.py              all
    tests/e2e/pains.py pipelined    only tests whose names have this text
"""
import json
import pathlib
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import probe  # noqa: E402
import wire  # noqa: E402
from probe import want  # noqa: E402
from wire import Connection  # noqa: E402

PROTOCOLS = [{"type": "http", "ports": [80]}, {"type": "dns", "ports": [53]}, {"type": "icmp"}]


def replay(packets, *more, root="weir", flows=False, settings=(), link=1):
    """A run over hand-made packets; without flow records unless they are asked for."""
    config = {root: {"protocols": PROTOCOLS, "flows": {"enabled": flows, "period": "-1s"}}}
    with tempfile.TemporaryDirectory(prefix="weir-pains-") as folder:
        capture, file = pathlib.Path(folder, "hand.pcap"), pathlib.Path(folder, "hand.yml")
        capture.write_bytes(wire.pcap(packets, link=link))
        file.write_text(json.dumps(config))
        return probe.run(capture, file, *more, settings=settings)


def documents(packets, **how):
    return sorted(replay(packets, **how).documents, key=lambda one: one["@timestamp"])


def pairs(found):
    """Path and status code of each HTTP document, in order."""
    return [(one.get("url", {}).get("path"), one["http"].get("response", {}).get("status_code"))
            for one in found]


def notes(document):
    said = document.get("error", {}).get("message", [])
    return [said] if isinstance(said, str) else said


def lost(found):
    """Which of the documents say that something was lost."""
    return [any("loss" in note for note in notes(one)) for one in found]


def get(path, *headers):
    lines = [f"GET {path} HTTP/1.1", "Host: example.com", *headers, "", ""]
    return "\r\n".join(lines).encode()


def ok(body=b"hello", *headers, status="200 OK"):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def equal(found, wanted):
    want(found == wanted, f"found {found}, wanted {wanted}")


# ── order ──

def answer_swapped():
    """Of an answer in two segments the second comes first; another exchange follows."""
    c = Connection()
    c.open()
    c.ask(get("/first"))
    place = c.answer(ok(b"x" * 2000), pieces=2)
    c.ask(get("/second"))
    c.answer(ok(status="404 Not Found"))
    c.close()
    found = documents(wire.swapped(c.packets, place, place + 1))
    equal(pairs(found), [("/first", 200), ("/second", 404)])
    equal(found[0]["http"]["response"]["body"]["bytes"], 2000)


def pipelined_swapped():
    """Two pipelined questions whose segments are swapped are still answered in order."""
    c = Connection()
    c.open()
    place = c.send(0, wire.PSH | wire.ACK, get("/first"))
    c.send(0, wire.PSH | wire.ACK, get("/second"))
    c.answer(ok() + ok(status="404 Not Found"))
    c.close()
    found = documents(wire.swapped(c.packets, place, place + 1))
    equal(sorted(pairs(found)), [("/first", 200), ("/second", 404)])


def pipelined_together():
    c = Connection()
    c.open()
    c.ask(get("/1") + get("/2") + get("/3"))
    c.answer(ok() + ok(status="404 Not Found") + ok(status="500 No"))
    c.close()
    equal(sorted(pairs(documents(c.packets))), [("/1", 200), ("/2", 404), ("/3", 500)])


# ── holes ──

def end_of_body_missing():
    """The end of an answer's body was not captured; two more exchanges follow."""
    c = Connection()
    c.open()
    c.ask(get("/first"))
    place = c.answer(ok(b"x" * 3000), pieces=3)
    for path in ("/second", "/third"):
        c.ask(get(path))
        c.answer(ok(b"y" * 75))
    c.close()
    del c.packets[place + 2]
    found = documents(c.packets)
    equal(pairs(found), [("/first", 200), ("/second", 200), ("/third", 200)])
    equal(lost(found), [True, False, False])
    equal([one["http"]["response"]["body"]["bytes"] for one in found[1:]], [75, 75])


def middle_of_body_missing():
    c = Connection()
    c.open()
    c.ask(get("/first"))
    place = c.answer(ok(b"x" * 3000), pieces=3)
    c.ask(get("/second"))
    c.answer(ok())
    c.close()
    del c.packets[place + 1]
    found = documents(c.packets)
    equal(pairs(found), [("/first", 200), ("/second", 200)])
    equal(lost(found), [True, False])


def snapped():
    """Frames cut behind the heads of the messages: the bodies are missing, no exchange is."""
    c = Connection()
    c.open()
    for number in range(5):
        c.ask(get(f"/{number}"))
        c.answer(ok(b"z" * 1200, status=f"20{number} Fine"))
    c.close()
    found = documents([wire.cut(one, 160) for one in c.packets])
    equal(pairs(found), [(f"/{number}", 200 + number) for number in range(5)])


# ── framing ──

def chunk_extension():
    c = Connection()
    c.open()
    c.ask(get("/"))
    c.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;name=value\r\nhello\r\n0\r\n\r\n")
    c.close()
    found = documents(c.packets)
    equal(pairs(found), [("/", 200)])
    equal(found[0]["http"]["response"]["body"]["bytes"], 5)


def chunked_trailer():
    """A trailer field belongs to its message; the next exchange is whole."""
    c = Connection()
    c.open()
    c.ask(get("/first"))
    c.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
             b"5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n")
    c.ask(get("/second"))
    c.answer(ok())
    c.close()
    found = documents(c.packets)
    equal(pairs(found), [("/first", 200), ("/second", 200)])
    equal(lost(found), [False, False])


def head_has_no_body():
    """The Content-Length of an answer to HEAD announces nothing."""
    c = Connection()
    c.open()
    c.ask(get("/large").replace(b"GET", b"HEAD"))
    c.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n")
    c.ask(get("/next"))
    c.answer(ok(status="404 Not Found"))
    c.close()
    equal(pairs(documents(c.packets)), [("/large", 200), ("/next", 404)])


def high_port_in_host():
    """Host with a port above 32767: split, but for who wants the reference's documents."""
    c = Connection()
    c.open()
    c.ask(b"GET / HTTP/1.1\r\nHost: example.com:40000\r\n\r\n")
    c.answer(ok())
    c.close()
    found = documents(c.packets)
    equal([(one["url"]["domain"], one["url"].get("port")) for one in found], [("example.com", 40000)])
    found = documents(c.packets, root="packetbeat")
    equal([(one["url"]["domain"], one["url"].get("port")) for one in found],
          [("example.com:40000", None)])


def http2_is_no_question():
    """The preface of HTTP/2 is not a question with the method PRI."""
    c = Connection()
    c.open()
    c.ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
    c.answer(b"\0\0\0\4\0\0\0\0\0")
    c.close()
    equal([one for one in documents(c.packets) if one.get("method") == "PRI"], [])


# ── connections ──

def ports_used_again():
    """The same pair of ports again, with lower sequence numbers."""
    first = Connection(isn=(900_000, 950_000))
    again = Connection(isn=(1000, 2000), time=wire.START + 50_000_000)
    for c, path in ((first, "/first"), (again, "/again")):
        c.open()
        c.ask(get(path))
        c.answer(ok())
    first.close()
    again.close()
    equal(pairs(documents(first.packets + again.packets)), [("/first", 200), ("/again", 200)])


def ports_used_again_unclosed():
    """As before, but the end of the first connection was not captured."""
    first = Connection(isn=(900_000, 950_000))
    again = Connection(isn=(1000, 2000), time=wire.START + 50_000_000)
    for c, path in ((first, "/first"), (again, "/again")):
        c.open()
        c.ask(get(path))
        c.answer(ok())
    equal(pairs(documents(first.packets + again.packets)), [("/first", 200), ("/again", 200)])


def sequence_numbers_wrap():
    c = Connection(isn=(2**32 - 40, 2**32 - 60))
    c.open()
    for path in ("/first", "/second"):
        c.ask(get(path), pieces=3)
        c.answer(ok(b"x" * 500), pieces=4)
    c.close()
    equal(pairs(documents(c.packets)), [("/first", 200), ("/second", 200)])


def unanswered_at_fin():
    c = Connection()
    c.open()
    c.ask(get("/nothing"))
    c.close()
    found = documents(c.packets)
    equal([(one["url"]["path"], one["status"]) for one in found], [("/nothing", "Error")])


def unanswered_at_end():
    """The capture ends while a question waits."""
    c = Connection()
    c.open()
    c.ask(get("/nothing"))
    found = documents(c.packets)
    equal([(one["url"]["path"], one["status"]) for one in found], [("/nothing", "Error")])


def begins_in_the_middle():
    c = Connection()
    c.open()
    c.ask(get("/before"))
    c.answer(ok(b"x" * 3000), pieces=3)
    place = len(c.packets)
    c.ask(get("/after"))
    c.answer(ok())
    c.close()
    equal(pairs(documents(c.packets[place:])), [("/after", 200)])


# ── DNS ──

def question(number, name):
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split(".")) + b"\0"
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!HH", 1, 1)


def reply(number, name, records=1):
    head = struct.pack("!HHHHHH", number, 0x8180, 1, records, 0, 0)
    record = struct.pack("!HHHIH4s", 0xC00C, 1, 1, 60, 4, wire.address("192.0.2.1"))
    return head + question(number, name)[12:] + record * records


def with_length(message):
    return struct.pack("!H", len(message)) + message


def names(found):
    return sorted((one["dns"]["question"]["name"], one["dns"].get("answers_count"),
                   one["dns"]["response_code"]) for one in found)


def dns_two_in_a_segment():
    c = Connection(ports=(40000, 53))
    c.open()
    c.ask(with_length(question(1, "a.example")) + with_length(question(2, "b.example")))
    c.answer(with_length(reply(2, "b.example", 2)) + with_length(reply(1, "a.example")))
    c.close()
    equal(names(documents(c.packets)), [("a.example", 1, "NOERROR"), ("b.example", 2, "NOERROR")])


def dns_in_ipv6_fragments():
    ends = ("2001:db8::1", "2001:db8::2")
    asked = wire.udp(*ends, (40000, 53), question(7, "many.example"))
    answered = wire.udp(*ends[::-1], (53, 40000), reply(7, "many.example", 100))
    packets = [wire.frame(*ends, wire.UDP, asked),
               *wire.fragments(wire.frame(*ends[::-1], wire.UDP, answered, wire.START + 1000), 512)]
    want(len(packets) > 3, "no fragments were made")
    equal(names(documents(packets)), [("many.example", 100, "NOERROR")])


# ── the end of a file ──

def six_exchanges():
    c = Connection()
    c.open()
    for number in range(6):
        c.ask(get(f"/{number}"))
        c.answer(ok())
    c.close()
    return c.packets


END_SETTINGS = {
    "defaults": [], "shutdown_timeout: 1s": ["packetbeat.shutdown_timeout=1s"],
    "shutdown_timeout: 11s": ["packetbeat.shutdown_timeout=11s"],
    "flush.timeout: 10s": ["queue.mem.flush.timeout=10s"],
    "flush.timeout: 0s": ["queue.mem.flush.timeout=0s"],
    "flush.min_events: 1": ["queue.mem.flush.min_events=1"],
    "timeouts": ["packetbeat.shutdown_timeout=1s", "queue.mem.flush.timeout=0.1s"],
}


def end_of_file(settings):
    """All six are written whatever the settings say, and nobody waits for a time-out."""
    began = time.monotonic()
    found = replay(six_exchanges(), root="packetbeat", settings=settings).documents
    equal(len(found), 6)
    took = time.monotonic() - began
    want(took < 8, f"it took {took:.1f} s")


def many_loops():
    result = replay(six_exchanges(), "-l", "1000", root="packetbeat")
    equal(len(result.documents), 6000)


def flows_have_the_captures_time():
    """Not that of the replay."""
    c = Connection()
    c.open()
    c.ask(get("/"))
    c.answer(ok())
    c.close()
    found = [one for one in documents(c.packets, flows=True) if one["type"] == "flow"]
    equal(len(found), 1)
    for field in ("start", "end"):
        want(found[0]["event"][field].startswith("2023-11-14T22:13:20"),
             f"event.{field} is {found[0]['event'][field]}")
    last = c.packets[-1].time - c.packets[0].time
    equal(found[0]["event"]["duration"], last)


TESTS = {
    "order": [answer_swapped, pipelined_swapped, pipelined_together],
    "holes": [end_of_body_missing, middle_of_body_missing, snapped],
    "framing": [chunk_extension, chunked_trailer, head_has_no_body, high_port_in_host,
                http2_is_no_question],
    "connections": [ports_used_again, ports_used_again_unclosed, sequence_numbers_wrap,
                    unanswered_at_fin, unanswered_at_end, begins_in_the_middle],
    "dns": [dns_two_in_a_segment, dns_in_ipv6_fragments],
    "times": [flows_have_the_captures_time],
}


def main():
    suite = probe.Suite(sys.argv[1:])
    for group, tests in TESTS.items():
        for test in tests:
            suite.add(group, test.__name__, test)
    for name, settings in END_SETTINGS.items():
        suite.add("end of a file", name, end_of_file, settings)
    suite.add("end of a file", "many loops", many_loops)
    return 0 if suite.run() else 1


sys.exit(main())
