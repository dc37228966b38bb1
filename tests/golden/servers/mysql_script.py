#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""MySQL's own dialects, which no server in the distribution speaks, from a script: both ends say what the public
description of the protocol lets MySQL 5.7, 8.4 and 9 and their clients say.

    mysql_script.py serve PORT        answers what the script of a connection holds
    mysql_script.py ask HOST PORT     plays all scripts, a connection each

A script is a list of turns: (side, sequence, payload). Who is not that side waits until the packet has come.
"""
import ctypes
import socket
import struct
import sys
import threading
import zlib

FOUND_ROWS, LONG_PASSWORD, DATABASE, COMPRESS, LOCAL, PROTOCOL_41 = 2, 1, 8, 32, 128, 512
TRANSACTIONS, SECURE, MULTI, RESULTS, PLUGIN, ATTRIBUTES = 1 << 13, 1 << 15, 1 << 16, 1 << 17, 1 << 19, 1 << 20
LONG_AUTH, TRACK, NO_EOF, OPTIONAL, ZSTD, QUERY_ATTRIBUTES = 1 << 21, 1 << 23, 1 << 24, 1 << 25, 1 << 26, 1 << 27
USUAL = LONG_PASSWORD | DATABASE | PROTOCOL_41 | TRANSACTIONS | SECURE | MULTI | RESULTS | PLUGIN | ATTRIBUTES | LONG_AUTH
EIGHT = USUAL | TRACK | NO_EOF | QUERY_ATTRIBUTES
AUTOCOMMIT, MORE, CURSOR, LAST_ROW, CHANGED = 2, 8, 0x40, 0x80, 0x4000


def text(value):
    value = value.encode()
    return bytes([len(value)]) + value if len(value) < 251 else b"\xfc" + struct.pack("<H", len(value)) + value


def greeting(version, plugin):
    return b"\x0a" + version.encode() + b"\0" + struct.pack("<I", 77) + b"abcdefgh\0" + b"\xff\xff" + b"\xff" + b"\x02\x00" + \
        b"\xff\xdf" + b"\x15" + bytes(10) + b"ijklmnopqrst\0" + plugin.encode() + b"\0"


def log_in(capabilities, plugin, proof, level=b""):
    attributes = b"".join(text(word) for word in ("_client_name", "libmysql", "_client_version", "8.4.2", "program_name", "script"))
    return struct.pack("<IIB", capabilities, 1 << 24, 255) + bytes(23) + b"eve\0" + bytes([len(proof)]) + proof + b"shop\0" + \
        plugin.encode() + b"\0" + bytes([len(attributes)]) + attributes + level


def outcome(affected=0, number=0, status=AUTOCOMMIT, warnings=0, info="", changes=b"", first=b"\0"):
    body = first + bytes([affected, number]) + struct.pack("<HH", status, warnings)
    if info or changes:
        body += text(info)
    return body + (bytes([len(changes)]) + changes if changes else b"")


def end(status=AUTOCOMMIT):
    return b"\xfe\0\0" + struct.pack("<H", status)


def error(code, state, message):
    return b"\xff" + struct.pack("<H", code) + b"#" + state.encode() + message.encode()


def column(table, name, kind, flags=0):
    return b"".join(text(t) for t in ("def", "shop" if table else "", table, table, name, name)) + \
        b"\x0c\xff\x00" + struct.pack("<IBHB", 255, kind, flags, 0) + b"\0\0"


def answer(*payloads, begin=1):
    return [("server", begin + i, p) for i, p in enumerate(payloads)]


def ask(command, rest=b""):
    return [("client", 0, bytes([command]) + (rest.encode() if isinstance(rest, str) else rest))]


def query(words, capabilities=0):
    return ask(3, (b"\0\1" if capabilities & QUERY_ATTRIBUTES else b"") + words.encode())


def rows_of(capabilities, *rows, status=AUTOCOMMIT):
    last = outcome(first=b"\xfe", status=status) if capabilities & NO_EOF else end(status)
    middle = [] if capabilities & NO_EOF else [end(status & ~MORE)]
    return [b"\2", column("people", "id", 3), column("people", "name", 253), *middle, *rows, last]


def begin(version, capabilities, plugin="caching_sha2_password", level=b""):
    return [("server", 0, greeting(version, plugin)), ("client", 1, log_in(capabilities, plugin, b"0123456789abcdef" * 2, level))]


def eight():
    """MySQL 8.4: a full caching_sha2 exchange, ends left out, session tracking, query attributes, a prepared statement."""
    turns = begin("8.4.2", EIGHT)
    turns += [("server", 2, b"\x01\x04"), ("client", 3, b"\x02"), ("server", 4, b"\x01-----BEGIN PUBLIC KEY-----\nnone\n"),
              ("client", 5, b"\x5a" * 256), ("server", 6, outcome())]
    turns += query("select id, name from people", EIGHT) + answer(*rows_of(EIGHT, b"\x011\x03Ann", b"\x012\xfb"))
    turns += query("select id, name from people where 1 = 0", EIGHT) + answer(*rows_of(EIGHT))
    turns += ask(3, b"\1\1\0\1\xfd\0" + text("trace") + text("4bf92f35") + b"update people set name = 'x'") + \
        answer(outcome(2, 0, info="Rows matched: 2  Changed: 2  Warnings: 0"))
    turns += query("use live", EIGHT) + answer(outcome(status=AUTOCOMMIT | CHANGED, changes=b"\x01\x05\x04live"))
    turns += query("set sql_mode = ''", EIGHT) + \
        answer(outcome(status=AUTOCOMMIT | CHANGED, changes=b"\x00\x0a\x08sql_mode\x00" + b"\x02\x02\x011"))
    turns += query("insert into people values (3)", EIGHT) + \
        answer(outcome(1, 3, AUTOCOMMIT | CHANGED, changes=b"\x03\x09\x00\x073E11:45"))
    turns += ask(22, "select name from people where id = ? and name > ?")
    turns += answer(b"\0" + struct.pack("<IHHBH", 5, 1, 2, 0, 0), column("", "?", 8), column("", "?", 253), column("people", "name", 253))
    values = b"\x05\0\0\0\x08\1\0\0\0" + b"\3" + b"\0" + b"\1" + b"\x08\x80\0" + b"\xfd\0\0" + b"\xfd\0" + text("trace") + \
        struct.pack("<Q", 1 << 40) + text("A") + text("77aa")
    turns += ask(23, values) + answer(b"\1", column("people", "name", 253), b"\0\0\x03Ann", outcome(first=b"\xfe"))
    turns += ask(25, struct.pack("<I", 5)) + ask(31) + answer(outcome())
    turns += ask(17, b"bob\0\4hash" + b"shop\0" + b"\xff\x00" + b"caching_sha2_password\0") + \
        [("server", 1, b"\xfecaching_sha2_password\0abcdefghijklmnopqrst\0"), ("client", 2, bytes(32)), ("server", 3, b"\x01\x03"),
         ("server", 4, outcome())]
    return turns + query("select wrong", EIGHT) + answer(error(1054, "42S22", "Unknown column 'wrong' in 'field list'")) + ask(1)


def five():
    """MySQL 5.7: a switch to the old plugin, ends, several statements, a cursor."""
    turns = begin("5.7.44", USUAL, "sha256_password")
    turns += [("server", 2, b"\xfemysql_native_password\0abcdefghijklmnopqrst\0"), ("client", 3, bytes(range(20))), ("server", 4, outcome())]
    several = rows_of(USUAL, b"\x011\x03Ann", status=AUTOCOMMIT | MORE) + [outcome(1, 9)]
    turns += query("select id, name from people limit 1; insert into people values (9)") + answer(*several)
    turns += ask(22, "select name from people") + answer(b"\0" + struct.pack("<IHHBH", 1, 1, 0, 0, 0), column("people", "name", 253), end())
    turns += ask(23, b"\1\0\0\0\1\1\0\0\0") + answer(b"\1", column("people", "name", 253), end(AUTOCOMMIT | CURSOR))
    turns += ask(28, b"\1\0\0\0\2\0\0\0") + answer(b"\0\0\x03Ann", b"\0\0\x03Bob", end(AUTOCOMMIT | LAST_ROW))
    return turns + ask(14) + answer(outcome()) + ask(1)


def optional():
    """MySQL 9 without definitions, to who asked for none."""
    capabilities = EIGHT | OPTIONAL
    turns = begin("9.1.0", capabilities) + [("server", 2, b"\x01\x03"), ("server", 3, outcome())]
    turns += query("select id, name from people", capabilities)
    turns += answer(b"\0\2", b"\x011\x03Ann", outcome(first=b"\xfe"))
    turns += query("select id, name from people", capabilities)
    turns += answer(b"\1\2", column("people", "id", 3), column("people", "name", 253), b"\x011\x03Ann", outcome(first=b"\xfe"))
    return turns + ask(1)


def large():
    """More rows than a compressed packet usually holds."""
    rows = [b"\x03%03d\xc8" % i + bytes([65 + i % 26]) * 200 for i in range(120)]
    return query("select id, name from people", EIGHT) + answer(*rows_of(EIGHT, *rows))


def packed(algorithm):
    capabilities = EIGHT | (COMPRESS if algorithm == "zlib" else ZSTD)
    turns = begin("8.4.2", capabilities, level=b"\3" if algorithm == "zstd" else b"")
    turns += [("server", 2, b"\x01\x03"), ("server", 3, outcome()), ("both", 0, algorithm)]
    turns += query("select id, name from people where id = 1", EIGHT) + answer(*rows_of(EIGHT, b"\x011\x03Ann"))
    return turns + large() + query("select " + ", ".join("%d" % i for i in range(400)), EIGHT) + answer(error(1, "HY000", "no")) + ask(1)


def refused():
    """The server has no room, and says so before anything else."""
    return [("server", 0, b"\xff" + struct.pack("<H", 1040) + b"Too many connections")]


SCRIPTS = [eight(), five(), optional(), packed("zlib"), packed("zstd"), refused()]


# ── playing ──

def compress(algorithm, data):
    if algorithm == "zlib":
        return zlib.compress(data)
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compress.restype = ctypes.c_size_t
    place = ctypes.create_string_buffer(len(data) + 1024)
    size = library.ZSTD_compress(place, ctypes.c_size_t(len(place)), data, ctypes.c_size_t(len(data)), 3)
    return place.raw[:size]


class Talk:
    """One side of a connection."""

    def __init__(self, link, side):
        self.link, self.side, self.algorithm, self.rest = link, side, None, b""

    def send(self, packets):
        data = b"".join(len(p).to_bytes(3, "little") + bytes([n % 256]) + p for n, p in packets)
        if not self.algorithm:
            self.link.sendall(data)
            return
        for number, start in enumerate(range(0, len(data), 16384)):
            part = data[start:start + 16384]
            coded = compress(self.algorithm, part) if len(part) >= 50 else part
            header = len(coded).to_bytes(3, "little") + bytes([number % 256])
            self.link.sendall(header + (len(part) if len(part) >= 50 else 0).to_bytes(3, "little") + coded)

    def receive(self, size):
        while len(self.rest) < size:
            more = self.link.recv(65536)
            if not more:
                return b""
            self.rest += more
        data, self.rest = self.rest[:size], self.rest[size:]
        return data

    def wait(self, packets):
        """Until so many plain bytes have come, packed or not."""
        wanted = sum(4 + len(p) for _, p in packets)
        while wanted > 0:
            if not self.algorithm:
                self.receive(wanted)
                return
            header = self.receive(7)
            if not header:
                return
            size, plain = int.from_bytes(header[:3], "little"), int.from_bytes(header[4:], "little")
            self.receive(size)
            wanted -= plain or size

    def play(self, script):
        at = 0
        while at < len(script):
            side = script[at][0]
            if side == "both":
                self.algorithm = script[at][2]
                at += 1
                continue
            packets = []
            while at < len(script) and script[at][0] == side:
                if packets and side == "client" and script[at][1] == 0:
                    break
                packets.append(script[at][1:])
                at += 1
            if side == self.side:
                self.send(packets)
            else:
                self.wait(packets)


def serve(port):
    with socket.create_server(("", port)) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        while True:
            link, _ = door.accept()
            threading.Thread(target=answer_one, args=(link,), daemon=True).start()


def answer_one(link):
    with link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.settimeout(5)
        port = link.getpeername()[1]
        if 50000 <= port < 50000 + len(SCRIPTS):
            Talk(link, "server").play(SCRIPTS[port - 50000])


def ask_all(host, port):
    for number, script in enumerate(SCRIPTS):
        with socket.create_connection((host, port), 5, source_address=("", 50000 + number)) as link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Talk(link, "client").play(script)
            link.settimeout(5)
            while link.recv(4096):
                pass


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    ask_all(sys.argv[2], int(sys.argv[3]))
