#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL as its drivers speak it, and some things that none of them says: HOST."""
import asyncio
import datetime
import decimal
import socket
import struct
import sys
import uuid

import asyncpg
import pg8000
import psycopg
import psycopg2

HOST = sys.argv[1]


def with_psycopg():
    with psycopg.connect(host=HOST, user="dan", dbname="shop", sslmode="disable", application_name="psycopg", autocommit=True) as c:
        c.execute("select %s::int + %s::int, %s, %s::text", (1, 2, None, "three; four"))
        c.execute("select id, name, price, made from item where id < %s order by id", (4,), binary=True)
        for _ in range(7):  # from the sixth time on it is prepared
            c.execute("select name from item where id = %s", (2,))
        c.execute("select %b, %b, %b, %b, %b, %b, %b", (7, "text", b"\0\xff", 2.5, decimal.Decimal("-1234.0560"),
                                                      datetime.date(2024, 2, 29), uuid.UUID(int=10)))
        c.execute("select %b::int[], %b::timestamptz, %b::bool", (
            [1, None, 3], datetime.datetime(2026, 1, 2, 3, 4, 5, 600000, datetime.timezone.utc), True))
        try:
            c.execute("select * from item where id = %s and nothing = 1", (1,))
        except psycopg.Error:
            pass
        with c.pipeline():
            for i in range(1, 4):
                c.execute("select name from item where id = %s", (i,))
        try:
            with c.pipeline():
                c.execute("select %s::int", (1,))
                c.execute("select 1 / %s", (0,))
                c.execute("select %s::int", (3,))
        except psycopg.Error:
            pass
        with c.cursor() as cursor, cursor.copy("copy item (id, name) from stdin") as copy:
            for i in range(100, 103):
                copy.write_row((i, f"copied {i}"))
        with c.cursor() as cursor, cursor.copy("copy (select id, name from item where id >= %s) to stdout", (100,)) as copy:
            list(copy.rows())
        c.execute("delete from item where id >= %s", (100,))


def with_psycopg2():
    c = psycopg2.connect(host=HOST, user="dan", dbname="shop", sslmode="disable")
    cursor = c.cursor("portal")
    cursor.itersize = 10
    cursor.execute("select * from item where id > %s order by id", (20,))
    cursor.fetchall()
    c.commit()
    c.close()


def with_pg8000():
    c = pg8000.connect(host=HOST, user="dan", database="shop", password="unused")
    cursor = c.cursor()
    cursor.execute("select id, name from item where id = %s or name = %s", (3, "nut"))
    cursor.fetchall()
    c.rollback()
    c.close()


async def with_asyncpg():
    c = await asyncpg.connect(host=HOST, user="dan", database="shop", ssl=False)
    await c.fetch("select id, price, made from item where id = any($1::int[]) order by id", [1, 2, 3])
    async with c.transaction():
        async for _ in c.cursor("select id from item where name <> $1", "bolt", prefetch=15):
            pass
    statement = await c.prepare("select $1::interval, $2::inet, $3::jsonb, $4::time")
    await statement.fetch(datetime.timedelta(days=3, seconds=5), "192.0.2.1", '{"a": 1}', datetime.time(1, 2, 3))
    try:
        await c.fetch("selec 1")
    except asyncpg.PostgresError:
        pass
    await c.close()


# ── by hand ──

def message(kind, body=b""):
    return kind + struct.pack(">I", len(body) + 4) + body


def untyped(code, body=b""):
    return struct.pack(">II", len(body) + 8, code) + body


class Raw:
    def __init__(self, version=196608, options=b""):
        self.socket = socket.create_connection((HOST, 5432), timeout=10)
        self.rest = b""
        self.version, self.options = version, options

    def ask_encryption(self, code):
        self.socket.sendall(untyped(code))
        self.socket.recv(1)

    def start(self):
        self.socket.sendall(untyped(self.version, b"user\0dan\0database\0shop\0" + self.options + b"\0"))
        self.until(b"Z")

    def until(self, kind, count=1):
        """Reads messages until so many of a kind came."""
        while True:
            while len(self.rest) >= 5 and len(self.rest) > struct.unpack(">I", self.rest[1:5])[0]:
                found, self.rest = self.rest[:1], self.rest[1 + struct.unpack(">I", self.rest[1:5])[0]:]
                count -= found == kind
                if not count:
                    return
            self.rest += self.socket.recv(65536)

    def say(self, *messages, ready=1):
        self.socket.sendall(b"".join(messages))
        if ready:
            self.until(b"Z", ready)

    def close(self):
        self.socket.sendall(message(b"X"))
        self.socket.close()


def parse(text, name=b"", types=b"\0\0"):
    return message(b"P", name + b"\0" + text + b"\0" + types)


def bind(values=(), portal=b"", name=b""):
    body = portal + b"\0" + name + b"\0\0\0" + struct.pack(">H", len(values))
    for value in values:
        body += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    return message(b"B", body + b"\0\0")


def execute(portal=b"", rows=0):
    return message(b"E", portal + b"\0" + struct.pack(">I", rows))


SYNC, FLUSH = message(b"S"), message(b"H")


def by_hand():
    raw = Raw()
    raw.ask_encryption(1234 << 16 | 5680)  # the server is willing, so what follows would be encrypted
    raw.socket.close()
    raw = Raw(196610, b"_pq_.colour\0red\0application_name\0by hand\0")
    raw.ask_encryption(1234 << 16 | 5679)
    raw.start()
    # a portal in three parts, two cycles at once, two statements in one cycle, one that fails before another
    raw.say(message(b"Q", b"begin\0"))
    raw.say(parse(b"select id from item order by id"), bind(portal=b"p"), execute(b"p", 20), SYNC)
    raw.say(execute(b"p", 15), SYNC)
    raw.say(execute(b"p"), message(b"C", b"Pp\0"), SYNC)
    raw.say(message(b"Q", b"commit\0"))
    raw.say(parse(b"select 1"), bind(), execute(), SYNC, parse(b"select 2"), bind(), execute(), SYNC, ready=2)
    raw.say(message(b"Q", b"select 'a'\0"), message(b"Q", b"select 'b'; select 'c'\0"), ready=2)
    raw.say(parse(b"select 3"), bind(), execute(), parse(b"select $1::text"), bind((None,)), execute(), SYNC)
    raw.say(parse(b"select 1 / 0"), bind(), execute(), parse(b"select 5"), bind(), execute(), SYNC)
    raw.say(parse(b"select name from item where id = $1", b"named"), message(b"D", b"Snamed\0"), SYNC)
    raw.say(bind((b"1",), name=b"named"), execute(), bind((b"3",), name=b"named"), execute(), SYNC)
    raw.say(message(b"C", b"Snamed\0"), SYNC)
    raw.say(bind((b"1",), name=b"named"), execute(), SYNC)
    raw.say(parse(b"select 6"), FLUSH, ready=0)
    raw.until(b"1")
    raw.say(bind(), message(b"D", b"P\0"), execute(), SYNC)
    raw.say(parse(b""), bind(), execute(), SYNC)
    raw.say(message(b"F", struct.pack(">IHHH", 1598, 0, 0, 1)))  # random()
    raw.say(message(b"Q", b"select repeat('x', 100000), 'y'\0"))
    raw.close()


with_psycopg()
with_psycopg2()
with_pg8000()
asyncio.run(with_asyncpg())
by_hand()
