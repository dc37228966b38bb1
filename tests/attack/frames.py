# SPDX-License-Identifier: Apache-2.0
"""Frames by the hundred thousand: Ethernet, IP, TCP, UDP and ICMP in one packing each, without
checksums, and a capture file that is written as they come. Addresses are numbers; IPv4 unless said
otherwise. (tests/e2e/wire.py is for frames one looks at, this is for floods.)"""
import struct

START = 1_700_000_000_000_000_000  # when the captures begin, nanoseconds
STEP = 10_000  # between two packets, unless an attack says otherwise
LATEST = (1 << 32) * 1_000_000_000 - 1  # that a capture file can say
ICMP, IPIP, TCP, UDP, GRE, IPV6_FRAGMENT = 1, 4, 6, 17, 47, 44
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
CLIENTS, SERVERS = 0x0A000000, 0xC0A80000  # 10.0.0.0, 192.168.0.0
SEGMENT = 1460  # bytes of a full one

ETHERNET = bytes.fromhex("0200000000020200000000010800")
_TCP = struct.Struct(">14sBBHHHBBHIIHHIIBBHHH")
_UDP = struct.Struct(">14sBBHHHBBHIIHHHH")
_IP = struct.Struct(">BBHHHBBHII")
_RECORD = struct.Struct(">IIII")


def ip(source, target, protocol, payload, number=0, fragment=0):
    """`fragment`: flags and offset in units of eight bytes, as the header has them."""
    return _IP.pack(0x45, 0, 20 + len(payload), number, fragment, 64, protocol, 0, source,
                    target) + payload


def frame(source, target, protocol, payload, number=0, fragment=0):
    return ETHERNET + ip(source, target, protocol, payload, number, fragment)


def tcp(source, target, ports, seq, ack, flags, payload=b"", window=65535):
    return _TCP.pack(ETHERNET, 0x45, 0, 40 + len(payload), 0, 0, 64, TCP, 0, source, target,
                     ports[0], ports[1], seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, window, 0,
                     0) + payload


def udp(source, target, ports, payload):
    return _UDP.pack(ETHERNET, 0x45, 0, 28 + len(payload), 0, 0, 64, UDP, 0, source, target,
                     ports[0], ports[1], 8 + len(payload), 0) + payload


def udp_segment(ports, payload):
    return struct.pack(">HHHH", *ports, 8 + len(payload), 0) + payload


def icmp(source, target, kind, code, rest):
    return frame(source, target, ICMP, struct.pack(">BBH", kind, code, 0) + rest)


def ipv6(source, target, following, payload):
    """Addresses of 16 bytes, in an Ethernet frame."""
    return ETHERNET[:12] + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(payload), following,
                                                    64) + source + target + payload


def ipv6_address(number):
    return bytes.fromhex("20010db8") + number.to_bytes(12, "big")


class Talk:
    """One TCP connection. `say` gives the frames of what one side says, 0 being the client; the
    other one acknowledges it with what he says next."""

    def __init__(self, dice, number, port):
        self.ends = (CLIENTS + number // 50000 + 1, SERVERS + 1)
        self.ports = (1024 + number % 50000, port)
        self.next = [dice.getrandbits(32), dice.getrandbits(32)]

    def send(self, side, flags, payload=b"", seq=None):
        """A segment at `seq`, by default what is next."""
        at = self.next[side] if seq is None else seq
        if seq is None:
            self.next[side] += len(payload) + (flags & (SYN | FIN) != 0)
        ends, ports = (self.ends, self.ports) if side == 0 else (self.ends[::-1], self.ports[::-1])
        return tcp(*ends, ports, at, self.next[1 - side] if flags & ACK else 0, flags, payload)

    def open(self):
        yield self.send(0, SYN)
        yield self.send(1, SYN | ACK)
        yield self.send(0, ACK)

    def say(self, side, data, size=SEGMENT):
        for at in range(0, len(data), size):
            yield self.send(side, PSH | ACK, data[at:at + size])

    def close(self):
        yield self.send(0, FIN | ACK)
        yield self.send(1, FIN | ACK)


def together(sources, width):
    """Takes turns among `width` of the sources; who is at his end gives way to the next one."""
    sources = iter(sources)
    running = [one for one, _ in zip(sources, range(width))]
    while running:
        for place, one in enumerate(running):
            made = next(one, None)
            if made is None:
                running[place] = following = next(sources, None)
                made = next(following, None) if following else None
            if made is not None:
                yield made
        running = [one for one in running if one]


def write(path, frames):
    """A capture file of frames, or of pairs of nanoseconds since the frame before and a frame;
    returns their number."""
    time, count = START, 0
    with open(path, "wb", 1 << 20) as file:
        file.write(struct.pack(">IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for one in frames:
            later, data = (STEP, one) if isinstance(one, bytes) else one
            time = min(max(time + later, 0), LATEST)
            file.write(_RECORD.pack(*divmod(time, 1_000_000_000), len(data), len(data)))
            file.write(data)
            count += 1
    return count
