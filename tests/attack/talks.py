# SPDX-License-Identifier: Apache-2.0
"""Attacks on protocols: HTTP, DNS, TLS."""
import functools
import gzip
import itertools
import struct

from attack import attack
from frames import CLIENTS, SERVERS, Talk, together, udp


def spoken(dice, parts, port, width=20):
    """Connections without end, each of which says `parts(dice, number)`: pairs of side and bytes."""
    def one(number):
        t = Talk(dice, number, port)
        yield from t.open()
        for side, data in parts(dice, number):
            yield from t.say(side, data)
        yield from t.close()
    return together(map(one, itertools.count()), width)


# ── HTTP ──

def get(number, more=b""):
    return b"GET /%d HTTP/1.1\r\nHost: h\r\n%s\r\n" % (number, more)


@attack("transactions_answered")
def http_many_fields(dice, count):
    """A hundred thousand header fields in a head, of a question or an answer."""
    fields = b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(100000))

    def parts(_, number):
        if number % 2:
            return [(0, get(1, fields)), (1, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]
        return [(0, get(1)), (1, b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n")]
    return spoken(dice, parts, 80)


@attack("transactions_opened")
def http_short_fields(dice, count):
    """Heads of the shortest fields that count, as many as are taken; then the next one."""
    fields = b"".join(b"%c:\r\n" % (97 + n % 26) for n in range(14000))
    return spoken(dice, lambda _, n: [(0, get(1, fields)), (1, b"HTTP/1.1 204 No\r\n\r\n")] * 4, 80)


@attack("conn_resyncs")
def http_long_field(dice, count):
    """A header field of 10 MB, and one that is folded ever again."""
    def parts(_, number):
        long = b"Cookie: " + b"a=b; " * 2_000_000 if number % 2 else b"X: y\r\n" + b" z\r\n" * 500_000
        return [(0, get(1, long + b"\r\n"))]
    return spoken(dice, parts, 80, 4)


@attack("transactions_unanswered", "transactions_withheld", "conns_given_up")
def http_questions_only(dice, count):
    """A million pipelined questions, no answer."""
    many = b"".join(get(n) for n in range(10000))
    return spoken(dice, lambda _, n: [(0, many)], 80, 4)


@attack("transactions_unasked", "transactions_withheld", "conns_given_up")
def http_answers_only(dice, count):
    """Answers that nobody asked for."""
    many = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" * 10000
    return spoken(dice, lambda _, n: [(1, many)], 80, 4)


@attack("transactions_answered")
def http_chunks(dice, count):
    """Chunks of one byte, with and without extensions, and trailers."""
    chunks = (b"1\r\na\r\n" * 300 + b"1;" + b"e=f;" * 300 + b"\r\na\r\n") * 20 + b"0\r\n" + \
        b"T: u\r\n" * 100 + b"\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return spoken(dice, lambda _, n: [(0, get(n)), (1, head + chunks)] * 5, 80)


@attack("transactions_answered")
def http_giant_chunks(dice, count):
    """Sizes that no body has, sizes that are none, extensions without end."""
    sizes = (b"fffffffffffffff", b"ffffffffffffffffffff", b"7fffffffffffffff", b"-1", b"0x10", b"",
             b"00000000000000000000001", b"1;" + b"e" * 100_000)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    def parts(dice, number):
        for n in range(8):
            yield 0, get(n)
            yield 1, head + dice.choice(sizes) + b"\r\n" + b"b" * 20000
    return spoken(dice, parts, 80)


@attack("conn_resyncs")
def http_almost(dice, count):
    """What nearly begins a message, over and over, to who lost his place."""
    lines = (b"H" * 1460, b"HTTP/1" * 240, b"\r\n" * 730, b"\n" * 1460, b"GET \n" * 290,
             b"GET / HTTP/2.7\r\n" * 90, b"HTTP/1.1 2\r\n" * 120, b"POST" * 365, b" " * 1460)

    def parts(dice, number):
        for _ in range(100):
            yield dice.getrandbits(1), dice.choice(lines)
    return spoken(dice, parts, 80)


@functools.cache
def bomb(times, zeros=20_000_000):
    body = bytes(zeros)
    for _ in range(times):
        body = gzip.compress(body, mtime=0)
    return body


@attack("transactions_answered", "http_bombs")
def http_bombs(dice, count):
    """Bodies that unfold to a thousand times their length, and to a million times."""
    def parts(_, number):
        for times in (1, 2, 3):
            body = bomb(times)
            yield 0, get(times)
            yield 1, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: %s\r\n" \
                b"Content-Length: %d\r\n\r\n%s" % (b", ".join([b"gzip"] * times), len(body), body)
    return spoken(dice, parts, 80)


@attack("transactions_answered")
def http_urls(dice, count):
    """Addresses of percent signs and parameters, as long as a head may be."""
    def parts(dice, number):
        target = dice.choice((b"%41" * 7000, b"a=b&" * 7000, b"?" * 20000, b"../" * 7000,
                              b"%" * 20000, b"\xff" * 20000, b'"' * 20000))
        yield 0, b"GET /" + target + b" HTTP/1.1\r\nHost: h\r\n\r\n"
        yield 1, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    return spoken(dice, parts, 80)


# ── DNS ──

def dns(number, flags, counts, rest):
    return struct.pack(">HHHHHH", number & 0xFFFF, flags, *counts) + rest


def answered(payload):
    """Each payload as an answer to a short question; payloads are functions of a number."""
    for n in itertools.count():
        client, ports = CLIENTS + n % 9973, (1024 + n % 60000, 53)
        yield udp(client, SERVERS, ports, dns(n, 0x0100, (1, 0, 0, 0), b"\1a\0\0\1\0\1"))
        yield udp(SERVERS, client, ports[::-1], payload(n))


LONGEST = b"".join(bytes((63,)) + bytes(63) for _ in range(3)) + b"\x3d" + b"\xff" * 61 + b"\0"


@attack("transactions_opened")
def dns_pointers(dice, count):
    """Names that point at themselves, at each other, forward, behind the end."""
    names = (b"\xc0\x0c", b"\xc0\x0e\xc0\x0c", b"\1a\xc0\x0c", b"\xff\xff", b"\xc0\x0d" * 200,
             b"".join(struct.pack(">H", 0xC000 | 12 + 2 * n + 2) for n in range(300)),
             b"".join(b"\1a" + struct.pack(">H", 0xC000 | max(12, 12 + 4 * n - 4)) for n in range(300)))
    made = [dns(0, 0x8180, (1, 1, 0, 0), name + b"\0\1\0\1" + b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4abcd")
            for name in names]
    return answered(lambda n: struct.pack(">H", n & 0xFFFF) + dice.choice(made)[2:])


@attack("transactions_answered", "dns_records_withheld")
def dns_longest_names(dice, count):
    """Questions and records with names of 255 bytes each of which is written as four."""
    record = b"\xc0\x0c\0\5\0\1\0\0\0\1\0\2\xc0\x0c"
    return answered(lambda n: dns(n, 0x8180, (1, 60, 0, 0), LONGEST + b"\0\1\0\1" + record * 60))


@attack("transactions_opened")
def dns_counts(dice, count):
    """65,535 records are promised in every section, none or few are there."""
    record = b"\0\0\1\0\1\0\0\0\1\0\0"
    return answered(lambda n: dns(n, 0x8180, (65535, 65535, 65535, 65535) if n % 2 else
                                  (1, 65535, 65535, 65535), b"\1a\0\0\1\0\1" + record * (n % 100)))


@attack("transactions_answered", "dns_records_withheld")
def dns_records(dice, count):
    """The most records that fit, empty ones, with the longest of names."""
    record = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\0"
    return answered(lambda n: dns(n, 0x8180, (1, 90, 0, 0), LONGEST + b"\0\1\0\1" + record * 90))


@attack("transactions_answered")
def dns_texts(dice, count):
    """TXT records of bytes that are written as four, as long as a datagram, or as many as fit."""
    long = b"\xff" + b"\x01" * 255
    one = b"\xc0\x0c\0\x10\0\1\0\0\0\1" + struct.pack(">H", 5 * 256) + long * 5
    many = b"\xc0\x0c\0\x10\0\1\0\0\0\1\0\1\0" * 100
    return answered(lambda n: dns(n, 0x8180, (1, 1 if n % 2 else 100, 0, 0),
                                  b"\1a\0\0\x10\0\1" + (one if n % 2 else many)))


@attack("transactions_answered")
def dns_options(dice, count):
    """An OPT record full of options, of all kinds and of none."""
    options = b"".join(struct.pack(">HH", n % 20, 0) for n in range(340))
    opt = b"\0\0\x29\x10\0\0\0\0\0" + struct.pack(">H", len(options)) + options
    return answered(lambda n: dns(n, 0x8180, (1, 0, 0, 1), b"\1a\0\0\1\0\1" + opt))


@attack("transactions_opened")
def dns_same_number(dice, count):
    """Questions of one client under one number, and answers that nobody asked for."""
    for n in range(count):
        if n % 3:
            yield udp(CLIENTS, SERVERS, (1024, 53), dns(7, 0x0100, (1, 0, 0, 0), b"\1a\0\0\1\0\1"))
        else:
            yield udp(SERVERS, CLIENTS, (53, 1024), dns(n, 0x8180, (1, 0, 0, 0), b"\1a\0\0\1\0\1"))


@attack("transactions_answered")
def dns_streams(dice, count):
    """Over TCP: messages of 65,535 bytes with records upon records, and lengths that lie."""
    record = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4abcd"
    large = dns(1, 0x8180, (1, 4000, 0, 0), LONGEST + b"\0\1\0\1" + record * 4000)

    def parts(_, number):
        question = dns(1, 0x0100, (1, 0, 0, 0), LONGEST + b"\0\1\0\1")
        for n in range(6):
            yield 0, struct.pack(">H", len(question)) + question
            yield 1, struct.pack(">H", len(large)) + large
        yield 1, struct.pack(">H", 65535) + large[:3000]
    return spoken(dice, parts, 53)


# ── TLS ──

def der(kind, *inside):
    body = b"".join(inside)
    size = len(body)
    if size < 128:
        return bytes((kind, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((kind, 0x80 | len(length))) + length + body


def certificate(names, issuer, mark):
    """A certificate, unsigned, with alternative names and an issuer as given."""
    rsa = der(0x30, der(6, bytes.fromhex("2a864886f70d01010b")), b"\5\0")
    subject = der(0x30, der(0x31, der(0x30, der(6, bytes.fromhex("550403")), der(12, b"attack"))))
    dates = der(0x30, der(23, b"230101000000Z"), der(23, b"330101000000Z"))
    key = der(0x30, der(0x30, der(6, bytes.fromhex("2a864886f70d010101")), b"\5\0"),
              der(3, b"\0" + der(0x30, der(2, b"\1" * 128), der(2, b"\1\0\1"))))
    other = der(0x30, der(6, bytes.fromhex("551d11")), der(4, der(0x30, names)))
    signed = der(0x30, der(0xA0, der(2, b"\2")), der(2, mark), rsa, issuer, dates, subject, key,
                 der(0xA3, der(0x30, other)))
    return der(0x30, signed, rsa, der(3, b"\0" + bytes(256)))


def records(message, size=16384):
    return b"".join(b"\x16\3\3" + struct.pack(">H", len(message[at:at + size])) +
                    message[at:at + size] for at in range(0, len(message), size))


def handshake(kind, body):
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body


def client_hello(suites=b"\xc0\x2f", extensions=b""):
    return handshake(1, b"\3\3" + bytes(32) + b"\0" + struct.pack(">H", len(suites)) + suites +
                     b"\1\0" + struct.pack(">H", len(extensions)) + extensions)


def server_flight(*certificates):
    chain = b"".join(len(one).to_bytes(3, "big") + one for one in certificates)
    return records(handshake(2, b"\3\3" + bytes(32) + b"\0\xc0\x2f\0")) + \
        records(handshake(11, len(chain).to_bytes(3, "big") + chain)) + records(handshake(14, b""))


def greetings(dice, server, width=20):
    def parts(_, number):
        yield 0, records(client_hello())
        yield 1, server(number)
        yield 0, b"\x14\3\3\0\1\1"
        yield 1, b"\x14\3\3\0\1\1"
    return spoken(dice, parts, 443, width)


NOBODY = der(0x30)


@attack("transactions_answered")
def tls_many_names(dice, count):
    """Certificates with ten thousand alternative names, each a new one."""
    names = b"".join(der(0x82, b"%d.example.com" % n) for n in range(10000))
    few = b"".join(der(0x82, b"%d.example.com" % n) for n in range(1500))
    return greetings(dice, lambda n: server_flight(
        certificate(names if n % 2 else few, NOBODY, n.to_bytes(8, "big"))))


@attack("transactions_answered")
def tls_many_certificates(dice, count):
    """Chains of as many small certificates as fit, each a new one."""
    return greetings(dice, lambda n: server_flight(*(
        certificate(b"", NOBODY, (n * 200 + i).to_bytes(8, "big")) for i in range(80))))


@attack("transactions_answered")
def tls_deep_nesting(dice, count):
    """Sequences in sequences, sets in names, lengths of all forms, and lengths that lie."""
    deep = b""
    for n in range(2000):
        deep = der(0x30 if n % 2 else 0x31, deep)
    wide = der(0x30, *[der(0x31, der(0x30, der(6, b"\x55\4\3"), der(12, b"\x01" * 200)))] * 60)
    issuers = (deep, wide, b"\x30\x84\xff\xff\xff\xff", b"\x30\x80\0\0", b"\x1f" + b"\xff" * 100)
    return greetings(dice, lambda n: server_flight(
        certificate(deep if n % 3 == 0 else b"", issuers[n % 5], n.to_bytes(8, "big"))))


@attack("transactions_opened")
def tls_many_extensions(dice, count):
    """Hellos with as many suites and extensions as they have room for, cut into tiny records."""
    extensions = b"".join(struct.pack(">HH", n % 70, 0) for n in range(5000))
    hello = client_hello(bytes(n % 256 for n in range(20000)), extensions)

    def parts(_, number):
        yield 0, records(hello, 1 if number % 2 else 16384)
    return spoken(dice, parts, 443)


@attack("conns_opened")
def tls_lies(dice, count):
    """Messages that promise 16 MB, empty records, types that do not exist, alerts for ever."""
    starts = (b"\x16\3\3\x40\0\1\xff\xff\xff" + bytes(16380), b"\x16\3\3\0\0" * 3000,
              records(client_hello()) + b"\x15\3\3\0\2\1\x5a" * 3000,
              b"\x16\3\1\0\4\1\0\0\0" * 3000, records(client_hello()) * 100)
    return spoken(dice, lambda dice, n: [(n & 1, dice.choice(starts))], 443)
