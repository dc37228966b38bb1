# SPDX-License-Identifier: Apache-2.0
"""Attacks on decoding and on the table of flows."""
import itertools
import struct

from attack import attack
from frames import (ACK, CLIENTS, ETHERNET, GRE, ICMP, IPIP, IPV6_FRAGMENT, RST, SERVERS, SYN, TCP,
                    UDP, frame, icmp, ip, ipv6, ipv6_address, tcp, udp, udp_segment)

KNOWN_PORTS = {UDP: (53,), TCP: (80, 443, 8080)}
MORE = 0x2000  # the flag of fragments


# ── flows ──

@attack("flows_opened")
def flows_of_one_packet(dice, count):
    """Every packet is a flow of its own."""
    for n in range(count):
        yield udp(CLIENTS + n % 65521, SERVERS + dice.getrandbits(8), (n // 7 & 0xFFFF | 1024, 9999),
                  b"x")


@attack("flows_opened")
def syn_flood(dice, count):
    """Handshakes that nobody finishes, of invented clients, to a port that is followed."""
    for _ in range(count):
        yield tcp(dice.getrandbits(32), SERVERS + 1, (dice.getrandbits(16), 80), dice.getrandbits(32),
                  0, SYN)


@attack("flows_opened")
def syn_flood_colliding(dice, count):
    """The same with addresses and ports chosen to be equal under sums, exclusive ors, and for those
    who take the lowest bits of a product: what a hash without a key might be made of."""
    for n in range(count):
        low, high = n & 0xFF, n >> 8 & 0xFFFF
        source = (CLIENTS ^ high << 8 ^ low) & 0xFFFFFFFF
        target = (SERVERS ^ high << 8 ^ low) & 0xFFFFFFFF  # exclusive or of both: constant
        yield tcp(source, target, (high, 0x8000 - (high & 0x7FFF)), 1, 0, SYN)


@attack("flows_opened")
def ports_reused(dice, count):
    """Few flows, each of which begins again and again while it says something."""
    for n in range(0, count, 2):
        ports, seq = (1024 + n // 2 % 64, 80), dice.getrandbits(32)
        yield tcp(CLIENTS + 1, SERVERS + 1, ports, seq, 0, SYN)
        yield tcp(CLIENTS + 1, SERVERS + 1, ports, seq + 1, 1, ACK, b"GET / HTTP/1.1\r\n")


@attack("flows_opened")
def resets_and_syns(dice, count):
    """Resets, SYNs and both together, of both sides, with sequence numbers near and far."""
    base = dice.getrandbits(32)
    for _ in range(count):
        number, flags = dice.randrange(1000), dice.choice((RST, RST | ACK, SYN, SYN | ACK, SYN | RST))
        ends, ports = (CLIENTS + number, SERVERS + 1), (1024 + number, 80)
        if dice.getrandbits(1):
            ends, ports = ends[::-1], ports[::-1]
        yield tcp(*ends, ports, base + dice.choice((0, 1, 100, 1 << 31)), base, flags,
                  dice.choice((b"", b"GET / HTTP/1.1\r\n\r\n")))


@attack("flows_opened")
def times_that_jump(dice, count):
    """Time stamps that go back and forth, by seconds, hours and beyond what a clock can show."""
    pauses = (0, 1, 30, 31, 3600, 86400 * 365 * 40)
    for n in range(count):
        pause = dice.choice(pauses) * 1_000_000_000 * dice.choice((1, -1))
        number = dice.randrange(500)
        yield (pause, udp(CLIENTS + number, SERVERS + 1, (1024 + n % 7, 53), dice.randbytes(20)))


@attack("clock_restarts")
def clocks_that_restart(dice, count):
    """Runs of packets from long ago that look like another capture, again and again."""
    for n in range(count):
        pause = (0, 86400 * 1_000_000_000, 0, -86400 * 1_000_000_000)[n // 600 % 4] if n % 600 == 0 \
            else 1000
        yield (pause, udp(CLIENTS + n % 300, SERVERS + 1, (1024, 9999), b"x"))


# ── fragments ──

@attack("undecoded_fragment_ceiling")
def fragments_unfinished(dice, count):
    """First parts of datagrams whose rest never comes."""
    for n in range(count):
        yield frame(CLIENTS + n % 65521, SERVERS + 1, UDP, udp_segment((9, 53), bytes(16)),
                    n & 0xFFFF, MORE)


@attack("fragments_seen")
def fragments_tiny(dice, count):
    """Datagrams in the most parts of eight bytes, last one first, or the other way round; most
    become whole."""
    for number in itertools.count():
        parts = [frame(CLIENTS + number % 5000, SERVERS + 1, UDP, bytes(8), number & 0xFFFF,
                       (MORE if n < 127 else 0) | n) for n in range(128)]
        if number % 4 == 3:
            dice.shuffle(parts)
        yield from parts if number % 2 else parts[::-1]


@attack("undecoded_fragment_overlap")
def fragments_overlapping(dice, count):
    """Parts inside other parts, over the edges of others, and the same place twice with other bytes."""
    for number in itertools.count():
        for n in range(12):
            at = dice.randrange(12)
            yield frame(CLIENTS + number % 5000, SERVERS + 1, UDP,
                        dice.randbytes(8 * dice.randrange(1, 6)), number & 0xFFFF,
                        dice.choice((MORE, MORE, MORE, 0)) | at)


@attack("undecoded_fragment_lost")
def fragments_impossible(dice, count):
    """Beyond 65,535 bytes, empty, off the grid of eight; IPv4 and IPv6, atomic ones too."""
    for number in itertools.count():
        data = bytes(dice.choice((0, 1, 7, 8, 1400)))
        yield frame(CLIENTS + 1, SERVERS + 1, UDP, data, number & 0xFFFF,
                    dice.choice((0, MORE)) | dice.choice((0, 1, 0x1FFF, 0x1FFE)))
        rest = struct.pack(">BBHI", UDP, 0, dice.choice((0, 1, 0xFFF8, 0xFFF9)), number)
        yield ipv6(ipv6_address(1), ipv6_address(2), IPV6_FRAGMENT, rest + data)


@attack("fragments_seen")
def fragments_of_one_datagram(dice, count):
    """The same part for ever, and parts of one datagram that repeat each other."""
    one = frame(CLIENTS + 1, SERVERS + 1, UDP, bytes(64), 1, MORE)
    for n in range(count):
        yield one if n % 2 else frame(CLIENTS + 1, SERVERS + 1, UDP, bytes(64), 1,
                                      MORE | 8 * (n // 2 % 100))


# ── wrappings ──

@attack("decode_tunnel_depth")
def tunnels_in_tunnels(dice, count):
    """As many headers inside each other as a frame holds: IP in IP, GRE, VXLAN, mixed."""
    payload = udp_segment((1, 53), bytes(12))
    made = []
    for kind in ("ipip", "gre", "vxlan", "mixed"):
        inside, protocol = payload, UDP
        while len(inside) < 1300:
            how = kind if kind != "mixed" else dice.choice(("ipip", "gre", "vxlan"))
            whole = ip(CLIENTS + len(inside), SERVERS + 1, protocol, inside)
            if how == "gre":
                inside, protocol = struct.pack(">HHI", 0x2000, 0x0800, len(inside)) + whole, GRE
            elif how == "vxlan":
                inside = udp_segment((5, 4789), struct.pack(">II", 0x08000000, len(inside) << 8) +
                                     ETHERNET + whole)
                protocol = UDP
            else:
                inside, protocol = whole, IPIP
        made.append(frame(CLIENTS + 1, SERVERS + 1, protocol, inside))
    for n in range(count):
        yield made[n % 4]


@attack("undecoded_vlan_depth")
def tags_upon_tags(dice, count):
    """A frame that is VLAN tags and little else, and one with MPLS-like and unknown types."""
    tags = b"".join(struct.pack(">HH", dice.choice((0x8100, 0x88A8, 0x9100)), dice.getrandbits(12))
                    for _ in range(300))
    for n in range(count):
        kept = tags[:4 * dice.randrange(1, 300)]
        yield ETHERNET[:12] + kept + ETHERNET[12:] + ip(CLIENTS + n % 100, SERVERS, UDP, bytes(8))


@attack("decode_bad_extension")
def extensions_without_end(dice, count):
    """IPv6 extension headers up to the end of the frame, cut, and of unknown kinds."""
    chains = []
    for kind in (0, 60, 43):
        chain = b"".join(bytes((kind, 0, 1, 4, 0, 0, 0, 0)) for _ in range(170))
        chains.append(ipv6(ipv6_address(1), ipv6_address(2), kind, chain))
    for n in range(count):
        yield chains[n % 3] if n % 2 else chains[n % 3][:54 + dice.randrange(1300)]


@attack("decode_bad_transport")
def headers_that_lie(dice, count):
    """Lengths, offsets and versions that contradict the frame; snapped ones."""
    good = tcp(CLIENTS + 1, SERVERS + 1, (1024, 80), 1, 1, ACK, bytes(40))
    for _ in range(count):
        made = bytearray(good)
        for _ in range(dice.randrange(1, 4)):
            made[dice.randrange(12, 54)] = dice.getrandbits(8)
        yield bytes(made[:dice.randrange(14, len(made) + 1)] if dice.getrandbits(1) else made)


# ── anything ──

@attack("flows_opened")
def icmp_errors(dice, count):
    """Error messages that quote anything: packets, halves of them, other errors, nothing."""
    inside = [tcp(CLIENTS + 1, SERVERS + 1, (1024, 80), 1, 1, ACK, bytes(20))[14:],
              udp(CLIENTS + 1, SERVERS + 1, (1024, 53), bytes(30))[14:],
              icmp(CLIENTS, SERVERS, 3, 3, bytes(40))[14:], b"", dice.randbytes(100)]
    for n in range(count):
        quoted = dice.choice(inside)
        kind = dice.choice((3, 4, 5, 11, 12, 8, 0, 13, 200))
        yield icmp(SERVERS + n % 200, CLIENTS + 1, kind, dice.getrandbits(8),
                   dice.randbytes(4) + quoted[:dice.randrange(len(quoted) + 1)])


@attack("flows_opened")
def noise_on_known_ports(dice, count):
    """Random bytes where protocols are expected."""
    return noise(dice, count, KNOWN_PORTS)


@attack("flows_opened")
def noise_on_unknown_ports(dice, count):
    """Random bytes where a protocol is looked for by content."""
    return noise(dice, count, {UDP: (9999,), TCP: (9999,)})


def noise(dice, count, ports):
    """Up to eight payloads of a flow, after a handshake or without."""
    number = 0
    while True:
        number += 1
        protocol = dice.choice((TCP, UDP))
        pair, client = (1024 + number % 60000, dice.choice(ports[protocol])), CLIENTS + number % 9973
        seq = dice.getrandbits(32)
        if protocol == TCP and dice.getrandbits(1):
            yield tcp(client, SERVERS, pair, seq - 1, 0, SYN)
        for _ in range(dice.randrange(1, 9)):
            data = dice.randbytes(dice.choice((1, 8, 60, 400)))
            if protocol == UDP:
                yield udp(client, SERVERS, pair, data)
                continue
            yield tcp(client, SERVERS, pair, seq, 1, ACK, data)
            seq += len(data)


BEGINNINGS = (b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
              b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x16\x03\x03\x00\x31\x02\x00\x00\x2d",
              b"*3\r\n$3\r\nSET\r\n", b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"\x00\x1e\x00\x00",
              b"SSH-2.0-x\r\n", b"\x4a\x00\x00\x00\x0a5.7.0\x00")


@attack("conns_opened")
def beginnings_of_protocols(dice, count):
    """What begins like a protocol, on ports that are nobody's, and goes on as noise."""
    for number in itertools.count():
        pair, seq = (1024 + number % 60000, 9999), dice.getrandbits(32)
        yield tcp(CLIENTS + number // 60000, SERVERS, pair, seq - 1, 0, SYN)
        for data in dice.choice(BEGINNINGS), dice.randbytes(200), dice.choice(BEGINNINGS):
            yield tcp(CLIENTS + number // 60000, SERVERS, pair, seq, 1, ACK, data)
            seq += len(data)
