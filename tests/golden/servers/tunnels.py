#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/tunnels/tunnels.pcap: not recorded, but made by the specifications, for the
kernel at hand has none of these. One question of DNS and its answer in each kind of tunnel.

    tests/golden/servers/tunnels.py > tests/golden/tunnels/tunnels.pcap
"""
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "e2e"))
import wire  # noqa: E402

OUTER = {False: ("192.0.2.1", "192.0.2.2"), True: ("192.0.2.2", "192.0.2.1")}


def exchange(number):
    """A question for name<number>.example and its answer, of a client of its own."""
    name = b"".join(bytes([len(part)]) + part for part in (b"name%d" % number, b"example")) + b"\0"
    question = name + struct.pack("!HH", 1, 1)
    answer = b"\xc0\x0c" + struct.pack("!HHIH4s", 1, 1, 60, 4, wire.address(f"10.9.9.{number}"))
    client, server, port = f"10.1.0.{number}", "10.2.0.53", 40000 + number
    ask = struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + question
    tell = struct.pack("!HHHHHH", number, 0x8180, 1, 1, 0, 0) + question + answer
    time = wire.START + number * 10_000_000
    yield False, wire.frame(client, server, wire.UDP,
                            wire.udp(client, server, (port, 53), ask), time)
    yield True, wire.frame(server, client, wire.UDP,
                           wire.udp(server, client, (53, port), tell), time + 3_000_000)


def over(protocol, head, back, one, whole=True):
    """In IP, behind the header; the frame, or the packet alone."""
    inside = one.data if whole else one.data[14:]
    return wire.frame(*OUTER[back], protocol, head + inside, one.time)


def over_udp(port, head, back, one, whole=True):
    inside = one.data if whole else one.data[14:]
    return wire.frame(*OUTER[back], wire.UDP,
                      wire.udp(*OUTER[back], (49152, port), head + inside), one.time)


def gre(flags, kind, rest=b""):
    return struct.pack("!HH", flags, kind) + rest


def label(number, last=True):
    return struct.pack("!I", number << 12 | last << 8 | 64)


def pptp(back, one):
    inside = b"\xff\x03\x00\x21" + one.data[14:]
    head = gre(0x3001, 0x880B, struct.pack("!HHI", len(inside), 200 + back, 1))
    return wire.frame(*OUTER[back], wire.GRE, head + inside, one.time)


def gtp(back, one):
    inside = one.data[14:]
    head = struct.pack("!BBHI", 0x34, 255, len(inside) + 8, 0x1000 + back) + \
        struct.pack("!HBB", 0, 0, 0x85) + bytes([1, 0x10, 9, 0])
    return over_udp(2152, head, back, one, whole=False)


def l2tp(back, one):
    head = struct.pack("!HHHH", 0x4002, 12 + len(one.data) - 14, 5, 300 + back)
    return over_udp(1701, head + b"\xff\x03\x00\x21", back, one, whole=False)


KINDS = [
    lambda back, one: over(wire.GRE, gre(0x2000, 0x0800, struct.pack("!I", 77)), back, one, False),
    lambda back, one: over(wire.GRE, gre(0x2000, 0x6558, struct.pack("!I", 0x12345600 | back)), back, one),
    lambda back, one: pptp(back, one),
    lambda back, one: over(wire.GRE, gre(0, 0x88BE), back, one),
    lambda back, one: wire.in_erspan(one),
    lambda back, one: over(wire.GRE, gre(0x1000, 0x22EB, struct.pack(
        "!IHHIHH", 1, 0x2007, 12, 1000, 0, 0)), back, one),
    lambda back, one: over_udp(6081, struct.pack("!BBHI", 2, 0, 0x6558, 0xABCDEF << 8) +
                               struct.pack("!HBBI", 0x102, 1, 1, 7), back, one),
    lambda back, one: gtp(back, one),
    lambda back, one: over_udp(37008, bytes([1, 0, 0, 1, 10, 1, 0xC3, 1]), back, one),
    lambda back, one: l2tp(back, one),
    lambda back, one: wire.in_mpls(one, 100 + back, 16),
    lambda back, one: wire.in_pseudowire(one, 100, 17 + back),
    lambda back, one: over(wire.GRE, gre(0, 0x8847, label(55)), back, one, False),
    lambda back, one: over_udp(6635, label(56), back, one, False),
    lambda back, one: wire.in_pppoe(one),
    lambda back, one: wire.packet(one.data[:12] + struct.pack("!HHHI", 0x88A8, 11, 0x88E7, 0xBEEF) +
                                  one.data, one.time),
]


def main():
    packets = [kind(back, one) for number, kind in enumerate(KINDS, 1)
               for back, one in exchange(number)]
    sys.stdout.buffer.write(wire.pcap(packets))


main()
