# SPDX-License-Identifier: Apache-2.0
"""Packets by hand: builds Ethernet, IP, TCP and UDP, reads and writes capture files, and takes
packets apart as far as the tests must change them. Times are nanoseconds."""
import collections
import ipaddress
import struct

# One captured frame; `wire` is its length before it was cut.
Packet = collections.namedtuple("Packet", "time data wire")

START = 1_700_000_000_000_000_000  # when hand-made captures begin
CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
MAC = {CLIENT: bytes.fromhex("020000000001"), SERVER: bytes.fromhex("020000000002")}
IPV4, IPV6, VLAN = 0x0800, 0x86DD, 0x8100
ICMP, TCP, UDP, GRE = 1, 6, 17, 47
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def packet(data, time=START):
    return Packet(time, data, len(data))


# ── headers ──

def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def address(text):
    return ipaddress.ip_address(text).packed


def ethernet(payload, kind, source=MAC[CLIENT], target=MAC[SERVER]):
    return target + source + struct.pack("!H", kind) + payload


def ipv4(source, target, protocol, payload, number=1, fragment=0):
    """`fragment`: the flags and the offset in units of eight bytes, as the header has them."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number, fragment, 64, protocol, 0,
                       address(source), address(target))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(source, target, protocol, payload):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, 64, address(source),
                       address(target)) + payload


def with_checksum(source, target, protocol, segment, at):
    """A TCP or UDP segment whose checksum, at offset `at`, is filled in."""
    pseudo = address(source) + address(target) + struct.pack("!II", len(segment), protocol)
    return segment[:at] + struct.pack("!H", checksum(pseudo + segment)) + segment[at + 2:]


def tcp(source, target, ports, seq, ack, flags, payload=b"", window=65535):
    head = struct.pack("!HHIIBBHHH", *ports, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, window,
                       0, 0)
    return with_checksum(source, target, TCP, head + payload, 16)


def udp(source, target, ports, payload):
    head = struct.pack("!HHHH", *ports, 8 + len(payload), 0)
    return with_checksum(source, target, UDP, head + payload, 6)


def frame(source, target, protocol, segment, time=START):
    """An IP packet of either version in an Ethernet frame."""
    old = "." in source
    ip = (ipv4 if old else ipv6)(source, target, protocol, segment)
    return packet(ethernet(ip, IPV4 if old else IPV6, MAC.get(source, MAC[CLIENT]),
                           MAC.get(target, MAC[SERVER])), time)


# ── conversations ──

class Connection:
    """One TCP connection; every method appends to `packets`, a millisecond apart.

    `say` and the like give the place of their first packet in the list, for tests that take some
    out or swap them.
    """

    def __init__(self, ports=(40000, 80), isn=(1000, 5000), ends=(CLIENT, SERVER), time=START):
        self.packets = []
        self.ports, self.ends, self.time = ports, ends, time
        self.next = list(isn)

    def send(self, side, flags, payload=b""):
        ports = self.ports if side == 0 else self.ports[::-1]
        ends = self.ends if side == 0 else self.ends[::-1]
        ack = self.next[1 - side] if flags & ACK else 0
        segment = tcp(*ends, ports, self.next[side], ack, flags, payload)
        self.packets.append(frame(*ends, TCP, segment, self.time))
        self.next[side] += len(payload) + bool(flags & (SYN | FIN))
        self.time += 1_000_000
        return len(self.packets) - 1

    def open(self):
        first = self.send(0, SYN)
        self.send(1, SYN | ACK)
        self.send(0, ACK)
        return first

    def say(self, side, payload, pieces=1):
        """In so many segments; the other side acknowledges once."""
        size = max(1, -(-len(payload) // pieces))
        first = len(self.packets)
        for at in range(0, len(payload), size):
            self.send(side, PSH | ACK, payload[at:at + size])
        self.send(1 - side, ACK)
        return first

    def ask(self, payload, pieces=1):
        return self.say(0, payload, pieces)

    def answer(self, payload, pieces=1):
        return self.say(1, payload, pieces)

    def close(self):
        first = self.send(0, FIN | ACK)
        self.send(1, FIN | ACK)
        self.send(0, ACK)
        return first


def swapped(packets, i, j):
    """The two change places; the times stay where they were, as on a real wire."""
    copy = list(packets)
    copy[i] = packets[j]._replace(time=packets[i].time)
    copy[j] = packets[i]._replace(time=packets[j].time)
    return copy


# ── capture files ──

def pcap(packets, order="<", nano=False, link=1, snaplen=262144):
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for one in packets:
        seconds, rest = divmod(one.time, 1_000_000_000)
        parts += [struct.pack(order + "IIII", seconds, rest if nano else rest // 1000, len(one.data),
                              one.wire), one.data]
    return b"".join(parts)


def pcapng(packets, order="<", nano=False, link=1):
    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        size = struct.pack(order + "I", 12 + len(body))
        return struct.pack(order + "I", kind) + size + body + size

    resolution = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0) if nano else b""
    parts = [block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)),
             block(1, struct.pack(order + "HHI", link, 0, 262144) + resolution)]
    for one in packets:
        units = one.time if nano else one.time // 1000
        parts.append(block(6, struct.pack(order + "IIIII", 0, units >> 32, units & 0xFFFFFFFF,
                                          len(one.data), one.wire) + one.data))
    return b"".join(parts)


def read(path):
    """The packets of a pcap file as tcpdump writes it here (little-endian, microseconds)."""
    data = path.read_bytes()
    magic, = struct.unpack_from("<I", data)
    if magic not in (0xA1B2C3D4, 0xA1B23C4D):
        raise ValueError(f"{path}: not a little-endian pcap file")
    unit, packets, at = (1000 if magic == 0xA1B2C3D4 else 1), [], 24
    while at < len(data):
        seconds, rest, captured, wire = struct.unpack_from("<IIII", data, at)
        packets.append(Packet(seconds * 1_000_000_000 + rest * unit, data[at + 16:at + 16 + captured],
                              wire))
        at += 16 + captured
    return packets


# ── taking apart ──

# Offsets into the frame; `upper` is where TCP, UDP, ICMP begins, `payload` what TCP carries.
Layers = collections.namedtuple("Layers", "version protocol upper end payload flow seq flags")


def layers(data):
    """An untagged frame of IP that is no fragment, or None. `flow` names one direction."""
    kind, = struct.unpack_from("!H", data, 12)
    if kind == IPV4 and struct.unpack_from("!H", data, 20)[0] & 0x3FFF == 0:
        upper, protocol = 14 + 4 * (data[14] & 15), data[23]
        ends, end = (data[26:30], data[30:34]), 14 + struct.unpack_from("!H", data, 16)[0]
    elif kind == IPV6 and data[20] in (TCP, UDP, 58):
        upper, protocol = 54, data[20]
        ends, end = (data[22:38], data[38:54]), 54 + struct.unpack_from("!H", data, 18)[0]
    else:
        return None
    version = 4 if kind == IPV4 else 6
    if protocol != TCP:
        return Layers(version, protocol, upper, end, end, None, 0, 0)
    ports = struct.unpack_from("!HH", data, upper)
    return Layers(version, protocol, upper, end, upper + 4 * (data[upper + 12] >> 4), ends + ports,
                  struct.unpack_from("!I", data, upper + 4)[0], data[upper + 13])


def reverse(flow):
    return flow[1], flow[0], flow[3], flow[2]


def text(packed):
    return str(ipaddress.ip_address(packed))


# ── changing ──

def fragments(one, size=64):
    """The frame as IP fragments of `size` bytes each, or as it was if it cannot be split."""
    parts = layers(one.data)
    if parts is None or parts.end - parts.upper <= size:
        return [one]
    body = one.data[parts.upper:parts.end]
    # one number for both directions of nothing else: addresses and protocol are in the key too
    number = one.time // 1000 & 0xFFFF
    pieces = [(at, body[at:at + size], at + size < len(body)) for at in range(0, len(body), size)]
    ends = one.data[26:34] if parts.version == 4 else one.data[22:54]
    source, target = text(ends[:len(ends) // 2]), text(ends[len(ends) // 2:])
    if parts.version == 4:
        made = [ipv4(source, target, parts.protocol, piece, number, more << 13 | at // 8)
                for at, piece, more in pieces]
    else:
        made = [ipv6(source, target, 44, struct.pack("!BBHI", parts.protocol, 0, at | more, number) +
                     piece) for at, piece, more in pieces]
    return [packet(one.data[:14] + ip, one.time) for ip in made]


def tagged(one, *tags):
    """Behind VLAN tags, the outermost first: (EtherType, number)."""
    inside = b"".join(struct.pack("!HH", kind, number) for kind, number in tags)
    return packet(one.data[:12] + inside + one.data[12:], one.time)


def in_vxlan(one, network=42):
    head = struct.pack("!II", 0x08000000, network << 8)
    segment = udp("192.0.2.1", "192.0.2.2", (49152, 4789), head + one.data)
    return frame("192.0.2.1", "192.0.2.2", UDP, segment, one.time)


def in_gre(one):
    """The IP packet without its Ethernet header."""
    kind, = struct.unpack_from("!H", one.data, 12)
    return frame("192.0.2.1", "192.0.2.2", GRE, struct.pack("!HH", 0, kind) + one.data[14:], one.time)


def in_gre_bridge(one):
    """The whole frame (transparent Ethernet bridging)."""
    return frame("192.0.2.1", "192.0.2.2", GRE, struct.pack("!HH", 0, 0x6558) + one.data, one.time)


def in_udp(one, port, payload):
    segment = udp("192.0.2.1", "192.0.2.2", (49152, port), payload)
    return frame("192.0.2.1", "192.0.2.2", UDP, segment, one.time)


def in_geneve(one, network=42):
    """Behind one option of two words."""
    head = struct.pack("!BBHI", 3, 0, 0x6558, network << 8) + struct.pack("!HBBQ", 0x102, 1, 2, 7)
    return in_udp(one, 6081, head + one.data)


def in_gtp(one, toward, away):
    """The IP packet; each direction has a tunnel of its own."""
    kind, = struct.unpack_from("!H", one.data, 12)
    ends = one.data[26:34] if kind == IPV4 else one.data[22:54]
    tunnel = toward if ends[:len(ends) // 2] < ends[len(ends) // 2:] else away
    extension = struct.pack("!HBBBBBB", 0, 0, 0x85, 1, 0, 9, 0)
    inside = extension + one.data[14:]
    return in_udp(one, 2152, struct.pack("!BBHI", 0x34, 255, len(inside), tunnel) + inside)


def in_mpls(one, *labels):
    """The IP packet behind a stack of labels."""
    stack = b"".join(struct.pack("!I", label << 12 | (i == len(labels)) << 8 | 64)
                     for i, label in enumerate(labels, 1))
    return packet(one.data[:12] + struct.pack("!H", 0x8847) + stack + one.data[14:], one.time)


def in_pseudowire(one, *labels):
    """The whole frame, behind labels and a control word."""
    kind = struct.pack("!H", IPV4)
    stack = in_mpls(packet(bytes(12) + kind + bytes(4) + one.data), *labels).data[12:]
    return packet(one.data[:12] + stack, one.time)


def in_erspan(one, session=7):
    head = struct.pack("!HHIHHI", 0x1000, 0x88BE, one.time & 0xFFFF, 0x1000, session, 0)
    return frame("192.0.2.1", "192.0.2.2", GRE, head + one.data, one.time)


def in_pppoe(one, session=5):
    protocol = b"\0\x21" if one.data[14] >> 4 == 4 else b"\0\x57"
    head = struct.pack("!HHHH", 0x8864, 0x1100, session, 2 + len(one.data) - 14)
    return packet(one.data[:12] + head + protocol + one.data[14:], one.time)


def cut(one, length):
    return one._replace(data=one.data[:length])


def split(one, size=1):
    """A TCP segment as several of `size` bytes; the last one keeps FIN and PSH."""
    parts = layers(one.data)
    if parts is None or parts.protocol != TCP or parts.end - parts.payload <= size:
        return [one]
    payload, made = one.data[parts.payload:parts.end], []
    ends = [text(end) for end in parts.flow[:2]]
    for at in range(0, len(payload), size):
        flags = parts.flags if at + size >= len(payload) else parts.flags & ~(FIN | PSH)
        head = bytearray(one.data[parts.upper:parts.payload])
        struct.pack_into("!I", head, 4, (parts.seq + at) & 0xFFFFFFFF)
        head[13] = flags
        head[16:18] = b"\0\0"
        segment = with_checksum(*ends, TCP, bytes(head) + payload[at:at + size], 16)
        ip = (ipv4 if parts.version == 4 else ipv6)(*ends, TCP, segment)
        made.append(packet(one.data[:14] + ip, one.time))
    return made
