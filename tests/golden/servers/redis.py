# SPDX-License-Identifier: Apache-2.0
"""Conversations with a real Redis that no tool has: pipelines, questions byte by byte, channels, replies switched off,
both versions of the protocol on one connection. Bounded in count and time."""
import socket
import sys
import time


def question(*words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Talk:
    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def wait(self, seconds=0.03):
        """Reads until nothing came for a while."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(1 << 20):
                pass
        except socket.timeout:
            pass

    def ask(self, *words):
        self.send(question(*words))
        self.wait()


def pipelines(address):
    with Talk(address) as t:
        t.send(b"".join(question("SET", f"key:{i}", f"value {i}") for i in range(5)))
        t.wait()
        t.send(b"".join(question("GET", f"key:{i}") for i in range(5)) + question("MGET", *(f"key:{i}" for i in range(6))))
        t.wait()
        for byte in question("INCR", "count"):
            t.send(bytes([byte]))
            time.sleep(0.001)
        t.wait()
        t.send(question("ECHO", "a" * 700)[:400])
        time.sleep(0.02)
        t.send(question("ECHO", "a" * 700)[400:] + question("PING"))
        t.wait()
        t.send(b"PING\r\nSET 'in line' \"a\\x41\\n\"\r\n\r\nGET 'in line'\r\n")
        t.wait()
        t.ask("SET", "large", b"l" * 6000)
        t.ask("GETRANGE", "large", 0, 3000)
        t.ask("CLIENT", "REPLY", "SKIP")
        t.ask("SET", "unheard", 1)
        t.ask("CLIENT", "REPLY", "OFF")
        t.ask("SET", "unheard", 2)
        t.ask("CLIENT", "REPLY", "ON")
        t.ask("GET", "unheard")
        t.ask("NOTACOMMAND", "a", "b")
        t.ask("SET", "key:0")
        t.ask("INCR", "key:0")
        t.ask("QUIT")


def kinds(address, version):
    with Talk(address) as t:
        t.ask("HELLO", version)
        t.ask("HSET", "hash", "one", 1, "two", 2)
        t.ask("HGETALL", "hash")
        t.ask("SADD", "set", "a", "b")
        t.ask("SMEMBERS", "set")
        t.ask("ZADD", "sorted", 1.5, "a", 2, "b")
        t.ask("ZRANGE", "sorted", 0, -1, "WITHSCORES")
        t.ask("ZSCORE", "sorted", "a")
        t.ask("GET", "missing")
        t.ask("LRANGE", "missing", 0, -1)
        t.ask("XADD", "stream", "1-1", "field", "value")
        t.ask("XREAD", "COUNT", 2, "STREAMS", "stream", "other", "0", "0")
        t.ask("EVAL", "return {1,'two',{3,false}}", 2, "first", "second", "argument")
        for what in "bignum", "verbatim", "double", "true", "null", "attrib", "set", "map":
            t.ask("DEBUG", "PROTOCOL", what)
        t.ask("LMOVE", "from", "to", "LEFT", "RIGHT")
        t.ask("OBJECT", "ENCODING", "hash")
        t.ask("SELECT", 3)
        t.send(question("MULTI") + question("SET", "in", "side") + question("GET", "in") + question("EXEC"))
        t.wait()
        t.ask("GET", "in")
        t.ask("UNLINK", "in", "out")


def secrets(address):
    with Talk(address) as t:
        t.ask("CONFIG", "SET", "requirepass", "open sesame")
        t.ask("AUTH", "wrong")
        t.ask("AUTH", "default", "open sesame")
        t.ask("CONFIG", "GET", "*pass*")
        t.ask("HELLO", 3, "AUTH", "default", "open sesame", "SETNAME", "ann")
        t.ask("ACL", "SETUSER", "ann", "on", ">open sesame", "~*", "+@all")
        t.ask("ACL", "LIST")
        t.ask("ACL", "DELUSER", "ann")
        t.ask("CONFIG", "SET", "requirepass", "")


def channels(address, version):
    with Talk(address) as t, Talk(address) as other:
        t.ask("HELLO", version)
        t.ask("SUBSCRIBE", "news", "weather")
        t.ask("PSUBSCRIBE", "n*")
        other.ask("PUBLISH", "news", "hello")
        t.wait()
        t.ask("PING")
        t.ask("UNSUBSCRIBE")
        t.ask("PUNSUBSCRIBE", "n*")
        t.ask("PING")
        other.ask("PUBLISH", "news", "nobody")
        if version == 3:
            t.ask("CLIENT", "TRACKING", "ON")
            t.ask("GET", "watched")
            other.ask("SET", "watched", 1)
            t.wait()


def monitor(address):
    with Talk(address) as t, Talk(address) as other:
        t.ask("MONITOR")
        other.ask("SET", "seen", "by all")
        other.ask("BLPOP", "nothing", "0.05")
        other.wait(0.2)
        t.wait()


def bench(address):
    """What a busy client says: 50 commands, 10 at a time."""
    with Talk(address) as t:
        for round in range(5):
            commands = [question("SET", f"session:{round}:{i}", "0123456789abcdef") for i in range(3)]
            commands += [question("GET", f"session:{round}:{i}") for i in range(3)]
            commands += [question("INCR", "visits"), question("HSET", "user:7", "name", "ann"), question("EXPIRE", "user:7", 60)]
            t.send(b"".join(commands + [question("HGETALL", "user:7")]))
            t.wait(0.02)


def main():
    address = (sys.argv[1], int(sys.argv[2]))
    for what in sys.argv[3:]:
        name, _, version = what.partition("=")
        globals()[name](address, *([int(version)] if version else []))


main()
