#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every golden capture, changed in many ways: what a wire may do to packets must not change the
documents, and what a file may suffer must not crash, hang or unbalance anything.

    tests/e2e/mutate.py                       all
    tests/e2e/mutate.py vlan http-nginx       only tests whose names have these texts
"""
import pathlib
import random
import struct
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import probe  # noqa: E402
import talks  # noqa: E402
import wire  # noqa: E402
from probe import COUNTS, TIMES, transactions, want, want_same  # noqa: E402

CONFIG = probe.GOLDEN / "default.yml"
CAPTURES = sorted(probe.GOLDEN.glob("*/*.pcap"))
SMALL = 1000  # bytes of a capture that is cut at each of them
COUNTERS = ("source.tcp", "destination.tcp")  # retransmissions, out of order
TALKS = 100  # conversations in one capture

originals = {}


def original(capture):
    """The documents of the capture as it is; made once."""
    if capture not in originals:
        originals[capture] = probe.run(capture, CONFIG).documents
    return originals[capture]


def replay(data, *more, **how):
    """Documents of a capture given as the bytes of a file."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.write(data)
        file.flush()
        return probe.run(file.name, CONFIG, *more, **how)


def replay_packets(packets):
    return replay(wire.pcap(packets))


def carries(one):
    """The bytes of TCP payload in a frame."""
    parts = wire.layers(one.data)
    return parts.end - parts.payload if parts and parts.protocol == wire.TCP else 0


# ── what the wire does ──

def same_transactions(capture, change, counter):
    """Frame by frame (one to many), everything but flow records stays as it is; the counter says
    that the change was noticed."""
    changed = [change(one) for one in wire.read(capture)]
    found = replay_packets([made for some in changed for made in some])
    want_same(transactions(original(capture)), transactions(found.documents), "network.tunnel")
    if counter == "decode_tunnelled":
        named = [one["type"] for one in found.documents if one["network"].get("tunnel")]
        want(len(named) > len(found.documents) // 2, f"tunnels are told only by {named}")
    if counter == "fragments_whole":
        split = sum(len(some) > 1 for some in changed)
        want(found.counters[counter] >= split, f"{split} frames split, {found.counters[counter]} whole")
    elif counter:
        want(found.counters[counter] > 0, f"{counter} did not grow")
    else:
        tags = [one.get("network", {}).get("vlan") or one.get("flow", {}).get("vlan")
                for one in found.documents if one["type"] == "flow"]
        want(all(tags), f"flows without VLAN: {tags}")


def neighbours(packets):
    """Places i of segments of one direction with nothing of its connection's other direction
    between them and the next one at j; no pair overlaps another."""
    last, pairs, taken = {}, [], set()
    for j, one in enumerate(packets):
        parts = wire.layers(one.data)
        if parts is None or parts.protocol != wire.TCP:
            continue
        i = last.get(parts.flow)
        if i is not None and i not in taken and not parts.flags & wire.SYN:
            pairs.append((i, j))
            taken |= {i, j}
        last.pop(wire.reverse(parts.flow), None)
        last[parts.flow] = j
    return pairs


def reordered(capture, which):
    """Some neighbours swapped: only times and the flows' own counters of it may differ."""
    packets, noticed = wire.read(capture), 0
    for number, (i, j) in enumerate(neighbours(packets)):
        if which(number):
            noticed += carries(packets[i]) > 0 and carries(packets[j]) > 0
            packets = wire.swapped(packets, i, j)
    found = replay_packets(packets)
    want_same(original(capture), found.documents, *TIMES, *COUNTERS, "flow.tcp.handshake")
    seen = found.counters["tcp_out_of_order"]
    want(seen >= noticed, f"{noticed} swaps, {seen} segments out of order")


def crossings(packets):
    """Places of segments with bytes that are followed at once by one of the other side; no pair
    overlaps another."""
    pairs, last = [], None
    for j, one in enumerate(packets):
        parts = wire.layers(one.data)
        if parts is None or parts.protocol != wire.TCP or not carries(one):
            continue
        if last and parts.flow == wire.reverse(last[1]):
            pairs.append((last[0], j))
            last = None
        else:
            last = (j, parts.flow)
    return pairs


def crossed(capture, which):
    """Answers that the capture shows before their questions, and the other way round."""
    packets = wire.read(capture)
    for number, (i, j) in enumerate(crossings(packets)):
        if which(number):
            packets = wire.swapped(packets, i, j)
    found = replay_packets(packets)
    want_same(original(capture), found.documents, *TIMES, *COUNTERS)


def duplicated(capture, later):
    """Each segment twice, the second time so many frames later."""
    packets = wire.read(capture)
    made, noticed = [], 0
    for place, one in enumerate(packets):
        made.append(one)
        again = packets[place - later]
        if place >= later and (parts := wire.layers(again.data)) and parts.protocol == wire.TCP:
            made.append(again._replace(time=one.time))
            noticed += carries(again) > 0
    found = replay_packets(made)
    want_same(transactions(original(capture)), transactions(found.documents))
    want_same(original(capture), found.documents, *TIMES, *COUNTS)
    again = found.counters["tcp_retransmitted"] + found.counters["tcp_keepalives"]
    want(again >= noticed, f"{noticed} segments twice, {again} noticed")


def one_byte(capture):
    """Detection by content looks at segments, and one byte tells nothing: only ports count here."""
    packets = [made for one in wire.read(capture) for made in wire.split(one)]
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "ports.yml"
        config.write_text(CONFIG.read_text().replace("- type:", "- detect: false\n    type:"))
        split = pathlib.Path(folder) / "split.pcap"
        split.write_bytes(wire.pcap(packets))
        want_same(probe.run(capture, config).documents, probe.run(split, config).documents, *TIMES, *COUNTS)


# ── what a bad wire does: fewer documents, never wrong ones ──

def exchange(document):
    """What was asked and what was answered, if the document has both."""
    http, dns = document.get("http", {}), document.get("dns", {})
    if "request" in http and "response" in http:
        return (document.get("query"), http["response"]["status_code"])
    if dns.get("type") == "answer":
        return (document.get("query"), dns.get("id"), dns.get("response_code"))
    return None


def plausible(capture, packets):
    """No exchange that never was: each pair of question and answer is one of the original's."""
    whole = {None, *map(exchange, original(capture))}
    for one in replay_packets(packets).documents:
        want(exchange(one) in whole, f"an exchange that never was: {exchange(one)}")


def holes(capture, every, start):
    packets = wire.read(capture)
    plausible(capture, [one for place, one in enumerate(packets) if place % every != start])


def one_missing(capture, place):
    packets = wire.read(capture)
    plausible(capture, packets[:place] + packets[place + 1:])


def one_direction(capture, client):
    """Of TCP only what one end said; who opened the connection is the client."""
    packets, clients = wire.read(capture), set()
    for one in packets:
        parts = wire.layers(one.data)
        if parts and parts.flow and parts.flags & (wire.SYN | wire.ACK) == wire.SYN:
            clients.add(parts.flow)
    kept = []
    for one in packets:
        parts = wire.layers(one.data)
        if not parts or not parts.flow or (parts.flow in clients) == client:
            kept.append(one)
    plausible(capture, kept)


def joined(capture, skipped):
    plausible(capture, wire.read(capture)[skipped:])


def cut_frames(capture, length):
    plausible(capture, [wire.cut(one, length) for one in wire.read(capture)])


def damaged(capture, seed):
    dice = random.Random(f"{capture.stem} damaged {seed}")
    plausible(capture, talks.damage(dice, wire.read(capture), dice.choice(talks.RATES)))


def damaged_talks(style, seed):
    """Not one wrong pair, and not by making none; undamaged all of them."""
    dice = random.Random(f"{style} {seed}")
    packets, asked = talks.talks(dice, style, TALKS, damaged=seed > 0)
    found = list(talks.pairs(replay_packets(packets).documents))
    wrong = [(asked, answered) for asked, answered in found if answered not in (asked, None)]
    want(not wrong, f"{len(wrong)} of {len(found)} pairs are wrong: {wrong[:5]}")
    right = sum(asked == answered for asked, answered in found)
    least = asked if seed == 0 else asked // (3 if style == "pipelined" else 2)
    want(right >= least, f"{right} pairs of {asked} questions, wanted {least}")


# ── what chance does ──

def flipped_packets(capture, seed):
    """Bytes of packets changed at random: the file itself is whole, so all is well."""
    dice = random.Random(f"{capture.stem} {seed}")
    packets = []
    for one in wire.read(capture):
        data = bytearray(one.data)
        for _ in range(dice.choice((0, 0, 1, 1, 4))):
            data[dice.randrange(len(data))] = dice.randrange(256)
        packets.append(one._replace(data=bytes(data)))
    replay_packets(packets)


def flipped_file(capture, seed):
    """Any byte of the file: perhaps damage, then one line says where."""
    dice = random.Random(f"{capture.stem} file {seed}")
    data = bytearray(capture.read_bytes())
    for _ in range(1 + seed % 4):
        data[dice.randrange(min(len(data), 400)) if seed % 2 else dice.randrange(len(data))] ^= \
            1 << dice.randrange(8)
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.write(data)
        file.flush()
        result = probe.run(file.name, CONFIG, code=None)
        if result.code:
            complaint(result, file.name)


def complaint(result, name):
    """The one line in which weir says what is wrong with a file."""
    lines = [line for line in result.log.splitlines() if line.startswith("weir: ")]
    want(len(lines) == 1 and name in lines[0], f"wanted one line about {name}, got {lines}")
    return lines[0]


# ── files ──

def boundaries(data):
    places, at = [24], 24
    while at < len(data):
        at += 16 + struct.unpack_from("<I", data, at + 8)[0]
        places.append(at)
    return places


def cut_file(capture, length):
    """At the end of a record it is a shorter capture, elsewhere it is damage; what comes before
    is published either way."""
    data = capture.read_bytes()
    ends = boundaries(data)
    whole = max((end for end in ends if end <= length), default=0)
    fine = length in ends
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.write(data[:length])
        file.flush()
        result = probe.run(file.name, CONFIG, code=0 if fine else 1)
        if not fine:
            line = complaint(result, file.name)
            want(any(word.strip(",.:;()").isdigit() for word in line.split()),
                 f"no byte offset in «{line}»")
    packets = (whole and ends.index(whole)) or 0
    counted = result.counters["packets"]
    want(counted == packets, f"{counted} packets seen, {packets} are whole")


def cuts(data):
    """Every byte of a small file; of a larger one the ends of records and some others."""
    if len(data) <= SMALL:
        return range(len(data))
    dice = random.Random(len(data))
    ends = boundaries(data)
    return sorted({0, 1, 23, 24, *ends[::4], *(end + 15 for end in ends[:-1:8]),
                   *(dice.randrange(len(data)) for _ in range(30))})


FORMATS = {"pcap-big-endian": (wire.pcap, ">", False), "pcap-nano": (wire.pcap, "<", True),
           "pcap-nano-big-endian": (wire.pcap, ">", True), "pcapng": (wire.pcapng, "<", False),
           "pcapng-big-endian": (wire.pcapng, ">", False), "pcapng-nano": (wire.pcapng, "<", True)}


def other_format(capture, how):
    write, order, nano = FORMATS[how]
    want_same(original(capture), replay(write(wire.read(capture), order, nano)).documents)


def from_stdin(capture):
    found = probe.run("-", CONFIG, stdin=capture.read_bytes()).documents
    want_same(original(capture), found)


def twice(capture):
    want_same(original(capture) * 2, probe.run(capture, CONFIG, "-l", "2").documents)


def paced():
    """At its own speed a capture is what happens now: all but the times is the same."""
    capture = probe.GOLDEN / "first/first.pcap"
    found = probe.run(capture, CONFIG, full_speed=False).documents
    want_same(original(capture), found, *TIMES, "flow.tcp.handshake")


def several_workers(capture, workers):
    settings = [f"weir.interfaces.workers={workers}"]
    want_same(original(capture), probe.run(capture, CONFIG, settings=settings).documents)


def several_workers_long(workers):
    """Reports and time-outs too are the same for any number of workers."""
    packets = []
    for number in range(60):
        c = wire.Connection(ports=(20000 + number, 80), time=wire.START + number * 370_000_000)
        c.open()
        for pause in (0, 1.4, 0.2, 4.1)[:number % 5]:
            c.time += int(pause * 1e9)
            c.ask(b"GET /%d HTTP/1.1\r\n\r\n" % number)
            c.answer(b"HTTP/1.1 204 Empty\r\n\r\n")
        packets += c.packets
    data = wire.pcap(sorted(packets))
    settings = ["weir.flows.period=1s", "weir.flows.timeout=3s"]
    one = replay(data, settings=settings).documents
    want(len(one) > 100, f"only {len(one)} documents")
    want_same(one, replay(data, settings=[*settings, f"weir.interfaces.workers={workers}"]).documents)


# ── all of them ──

# how: (what becomes of a frame, the counter that grows)
SAME = {
    "fragmented": (lambda one: wire.fragments(one, 64), "fragments_whole"),
    "fragmented, large": (lambda one: wire.fragments(one, 512), "fragments_whole"),
    "fragmented, last first": (lambda one: wire.fragments(one, 256)[::-1], "fragments_whole"),
    "vlan": (lambda one: [wire.tagged(one, (0x8100, 7))], None),
    "vlan twice": (lambda one: [wire.tagged(one, (0x88A8, 7), (0x8100, 9))], None),
    "vxlan": (lambda one: [wire.in_vxlan(one)], "decode_tunnelled"),
    "gre": (lambda one: [wire.in_gre(one)], "decode_tunnelled"),
    "gre, whole frames": (lambda one: [wire.in_gre_bridge(one)], "decode_tunnelled"),
    "geneve": (lambda one: [wire.in_geneve(one)], "decode_tunnelled"),
    "gtp": (lambda one: [wire.in_gtp(one, 1, 2)], "decode_tunnelled"),
    "mpls": (lambda one: [wire.in_mpls(one, 16, 17)], "decode_tunnelled"),
    "mpls, whole frames": (lambda one: [wire.in_pseudowire(one, 16, 17)], "decode_tunnelled"),
    "erspan": (lambda one: [wire.in_erspan(one)], "decode_tunnelled"),
    "pppoe": (lambda one: [wire.in_pppoe(one)], "decode_tunnelled"),
    "gtp in mpls in geneve": (
        lambda one: [wire.in_geneve(wire.in_mpls(wire.in_gtp(one, 1, 2), 16))], "decode_tunnelled"),
    "vlan in vxlan in vlan": (
        lambda one: [wire.tagged(wire.in_vxlan(wire.tagged(one, (0x8100, 3))), (0x8100, 7))],
        "decode_tunnelled"),
}
SWAPS = {"all": lambda n: True, "even": lambda n: n % 2 == 0, "thirds": lambda n: n % 3 == 1}


def add_wire(suite, capture):
    name = capture.stem
    for how, (change, counter) in SAME.items():
        if name == "tunnels" and counter == "decode_tunnelled":
            continue  # not all of its frames are IP, which some of these take for granted
        suite.add(how, name, same_transactions, capture, change, counter)
    for how, which in SWAPS.items():
        suite.add("re-ordered", f"{name}/{how}", reordered, capture, which)
        suite.add("sides re-ordered", f"{name}/{how}", crossed, capture, which)
    for later in (0, 1, 3):
        suite.add("duplicated", f"{name}/{later}", duplicated, capture, later)
    suite.add("one byte a segment", name, one_byte, capture)


def add_bad_wire(suite, capture):
    name = capture.stem
    for every in (2, 3, 5, 7):
        for start in range(0, every, 2):
            suite.add("holes", f"{name}/{start}-of-{every}", holes, capture, every, start)
    for place, one in enumerate(wire.read(capture)):
        if carries(one):
            suite.add("one segment missing", f"{name}/{place}", one_missing, capture, place)
    for who in ("client", "server"):
        suite.add("one direction", f"{name}/{who}", one_direction, capture, who == "client")
    for skipped in (1, 2, 3, 4, 7, 13, 20):
        suite.add("joined in the middle", f"{name}/{skipped}", joined, capture, skipped)
    for length in (14, 34, 60, 96, 128, 200):
        suite.add("snap length", f"{name}/{length}", cut_frames, capture, length)
    for seed in range(12):
        suite.add("damaged", f"{name}/{seed}", damaged, capture, seed)
    for seed in range(10):
        suite.add("flipped in packets", f"{name}/{seed}", flipped_packets, capture, seed)


def add_files(suite, capture):
    name = capture.stem
    for how in FORMATS:
        suite.add("format", f"{name}/{how}", other_format, capture, how)
    suite.add("standard input", name, from_stdin, capture)
    suite.add("twice", name, twice, capture)
    for workers in (2, 3):
        suite.add("workers", f"{name}/{workers}", several_workers, capture, workers)
    for seed in range(12):
        suite.add("flipped in the file", f"{name}/{seed}", flipped_file, capture, seed)
    for length in cuts(capture.read_bytes()):
        suite.add("cut", f"{name}/{length}", cut_file, capture, length)


def main():
    suite = probe.Suite(sys.argv[1:])
    for capture in CAPTURES:
        add_wire(suite, capture)
        add_bad_wire(suite, capture)
        add_files(suite, capture)
    for style in talks.STYLES:
        for seed in range(6):
            suite.add("damaged", f"{style}/{seed}", damaged_talks, style, seed)
    for workers in (2, 3, 8):
        suite.add("workers", f"long/{workers}", several_workers_long, workers)
    suite.add("paced", "first", paced)
    return 0 if suite.run() else 1


sys.exit(main())
