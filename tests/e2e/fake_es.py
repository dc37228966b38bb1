#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A scriptable Elasticsearch for tests: answers bulk requests item by item, keeps a record of what
it stored, and misbehaves as it is told.

Faults are drawn for each bulk request from weights: {"none": 10, "reset_after": 1, …}. They are:
  before the documents are stored   429 503 413 401 502 html reset_before slow_refuse
  in the items                      items_429 items_503 items_400 (of a share of the documents)
  after they are stored             reset_after cut garbage short long late
  only some are stored and answered partial
Documents whose body holds the bytes `poison` are refused with 400, whatever the fault, and a
request holding `unreadable` is refused as a whole.
"""
import base64
import collections
import gzip
import http.server
import json
import random
import socket
import ssl
import struct
import threading
import time
import urllib.parse

PARSE = "document_parsing_exception"

# Version, and which lifecycle policies it has. Open Distro: Amazon's Elasticsearch 7.
ENGINES = {
    "elasticsearch": ({"number": "8.19.0", "build_flavor": "default"}, "_ilm/policy/"),
    "opensearch": ({"number": "2.19.1", "distribution": "opensearch"}, "_plugins/_ism/policies/"),
    "opensearch without plugins": ({"number": "2.19.1", "distribution": "opensearch"}, None),
    "opendistro": ({"number": "7.10.2", "build_flavor": "oss"}, "_opendistro/_ism/policies/"),
}


class Record:
    """What the server has: index → id or number → document; and how often each request came."""

    def __init__(self):
        self.lock = threading.Lock()
        self.documents = collections.defaultdict(dict)
        self.requests = collections.Counter()
        self.others = []  # (method, path, body) of what is no bulk request
        self.denied = 0   # requests of nobody that it knows
        self.largest = 0
        self.conflicts = 0
        self.next = 0

    def store(self, index, identity, document):
        """False: there is one of that id."""
        if identity is None:
            self.next += 1
            identity = f"auto-{self.next}"
        elif identity in self.documents[index]:
            self.conflicts += 1
            return False
        self.documents[index][identity] = document
        return True


class Fake:
    """The server and its moods. `key`: what is kept of a document (bytes → anything)."""

    def __init__(self, seed=1, faults=None, key=lambda source: source, port=0, tls=None, limit=None,
                 users=None, product=True, root=True, share=0.2, poison=None, unreadable=None,
                 templates=True, refused=(), pace=0, engine="elasticsearch", streams=True,
                 unreadable_times=1 << 60):
        self.random = random.Random(seed)
        self.faults = faults or {}
        self.key = key
        self.limit = limit          # bytes of a body, uncompressed
        self.users = users          # of Authorization headers that are known; None: anybody
        self.product = product
        self.root = root            # whether GET / is answered
        self.share = share          # of documents hit by items_…
        self.poison = poison
        self.unreadable = unreadable
        self.unreadable_times = unreadable_times  # so many requests, then it reads all
        self.templates = templates
        self.engine = ENGINES[engine]
        self.streams = streams      # whether it has data streams
        self.refused = refused      # indices that nobody may write to
        self.pace = pace            # seconds each request takes
        self.record = Record()
        self.things = {}            # templates, policies, data streams by path
        self.at_once = self.at_once_most = 0
        self.tls = tls              # an ssl.SSLContext
        self.server = None
        self.start(port)

    def start(self, port):
        fake = self

        class Handler(_Handler):
            owner = fake

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128
            allow_reuse_address = True

            def get_request(self):
                connection, address = super().get_request()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with fake.record.lock:
                    fake.connections.add(connection)
                return connection, address

            def finish_request(self, request, client_address):
                if fake.tls:
                    request.settimeout(10)
                    request = fake.tls.wrap_socket(request, server_side=True)
                    request.settimeout(None)
                super().finish_request(request, client_address)

            def handle_error(self, request, client_address):
                pass  # connections break here on purpose

        self.connections = set()
        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def kill(self):
        """As SIGKILL would: the port is closed, connections are reset; the record stays."""
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.connections):
            reset(connection)
        self.connections.clear()

    def revive(self):
        self.start(self.port)

    def close(self):
        self.kill()

    def mood(self):
        if not self.faults:
            return "none"
        with self.record.lock:
            return self.random.choices(list(self.faults), list(self.faults.values()))[0]

    def all_documents(self, index=None):
        return [document for name, documents in self.record.documents.items()
                if index in (None, name) for document in documents.values()]


def reset(connection):
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
        connection.close()
    except OSError:
        pass


class Broken(Exception):
    """The connection is to end here, by reset."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner = None

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except Broken:
            reset(self.connection)
        except (OSError, ssl.SSLError):
            pass

    # ── answers ──

    def answer(self, status, body, kind="application/json", headers=(), cut=None):
        data = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if self.owner.product and status != 413:
            self.send_header("X-elastic-product", "Elasticsearch")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data if cut is None else data[:cut])
        self.wfile.flush()
        if cut is not None:
            raise Broken

    def error(self, status, kind, reason):
        self.answer(status, {"error": {"root_cause": [], "type": kind, "reason": reason},
                             "status": status})

    def body(self):
        length = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(length)
        if len(data) != length:
            raise Broken  # an upload that breaks off stores nothing
        if self.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        return data

    def is_known(self):
        users = self.owner.users
        return users is None or self.headers.get("Authorization") in users

    def dispatch(self):
        path = urllib.parse.unquote(self.path.partition("?")[0].strip("/"))
        data = self.body()
        if not self.is_known():
            with self.owner.record.lock:
                self.owner.record.denied += 1
            return self.error(401, "security_exception", "missing authentication credentials")
        if path.endswith("_bulk"):
            return self.bulk(path[:-len("_bulk")].strip("/") or None, data)
        with self.owner.record.lock:
            self.owner.record.others.append((self.command, "/" + path, data))
        if not path:
            return self.root()
        return self.thing(path, data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = dispatch

    def root(self):
        if not self.owner.root:
            return self.answer(405, {"error": "Incorrect HTTP method for uri [/]", "status": 405})
        return self.answer(200, {"name": "fake", "version": self.owner.engine[0],
                                 "tagline": "You Know, for Search"})

    def thing(self, path, data):
        """Templates, policies, data streams and indices: put, found again."""
        fake = self.owner
        lifecycles = fake.engine[1]
        known = {"_index_template/": self.template, "_data_stream/": self.data_stream}
        if lifecycles:
            known[lifecycles] = self.policy if "_ilm" in lifecycles else self.versioned_policy
        for beginning, does in known.items():
            if path.startswith(beginning) and fake.templates:
                return does(path, json.loads(data) if data else None)
        if path[0] != "_":
            return self.put_or_find(path, json.loads(data) if data else None)
        return self.answer(400, {"error": f"no handler found for uri [/{path}] and method "
                                          f"[{self.command}]", "status": 400})

    def put_or_find(self, path, body, found=None):
        if self.command == "PUT":
            self.owner.things[path] = body
            return self.answer(200, {"acknowledged": True})
        if path in self.owner.things:
            return self.answer(200, found or {})
        return self.error(404, "resource_not_found_exception", path)

    policy = put_or_find

    def versioned_policy(self, path, body):
        """Index state management: nothing is put over a policy but by who names its version."""
        fake, name = self.owner, path.rpartition("/")[2]
        there = [number for number, (method, asked, _) in enumerate(fake.record.others)
                 if method == "PUT" and asked == "/" + path]
        version = {"if_seq_no": [str(there[0])], "if_primary_term": ["3"]} if there else {}
        if self.command == "PUT" and path in fake.things:
            given = urllib.parse.parse_qs(self.path.partition("?")[2])
            if given != version:
                return self.error(409, "version_conflict_engine_exception", f"[{name}]: there")
        elif self.command == "PUT":
            mine = body["policy"].get("ism_template", [])
            for other, policy in fake.things.items():
                for theirs in policy["policy"].get("ism_template", []) if "_ism/" in other else []:
                    if any(theirs["priority"] == one["priority"] and
                           theirs["index_patterns"] == one["index_patterns"] for one in mine):
                        return self.error(400, "illegal_argument_exception", "matching existing "
                                          "policy templates, please use a different priority")
        return self.put_or_find(path, body, {"_seq_no": there[0] if there else 0,
                                             "_primary_term": 3})

    def template(self, path, body):
        if body and "lifecycle" in body.get("template", {}) and "distribution" in self.owner.engine[0]:
            return self.error(400, "x_content_parse_exception", "[template] unknown field [lifecycle]")
        if body and "data_stream" in body and not self.owner.streams:
            return self.error(400, "x_content_parse_exception",
                              "[1:1] [index_template] unknown field [data_stream]")
        return self.put_or_find(path, body, {"index_templates": [
            {"name": path, "index_template": self.owner.things.get(path)}]})

    def data_stream(self, path, body):
        if not self.owner.streams:
            return self.answer(400, {"error": f"no handler found for uri [/{path}]", "status": 400})
        if path in self.owner.things and self.command == "PUT":
            return self.error(400, "resource_already_exists_exception", "is there")
        return self.put_or_find(path, body)

    # ── bulk ──

    def bulk(self, index, data):
        fake = self.owner
        mood = fake.mood()
        with fake.record.lock:
            fake.record.requests[mood] += 1
            fake.record.largest = max(fake.record.largest, len(data))
            fake.at_once += 1
            fake.at_once_most = max(fake.at_once_most, fake.at_once)
        try:
            if fake.pace:
                time.sleep(fake.pace)
            self.bulk_in_mood(index, data, mood)
        finally:
            with fake.record.lock:
                fake.at_once -= 1

    def bulk_in_mood(self, index, data, mood):
        fake = self.owner
        if fake.limit and len(data) > fake.limit:
            return self.answer(413, b"")
        if not data.endswith(b"\n"):
            return self.error(400, "illegal_argument_exception",
                              "The bulk request must be terminated by a newline [\\n]")
        if fake.unreadable and fake.unreadable in data and fake.unreadable_times > 0:
            fake.unreadable_times -= 1
            return self.error(400, "illegal_argument_exception", "Malformed action/metadata line")
        if mood in ("429", "503", "413", "401", "502"):
            return self.error(int(mood), "es_rejected_execution_exception", "come back later")
        if mood == "html":
            return self.answer(200, b"<html><body>Sign in to the network</body></html>", "text/html")
        if mood == "reset_before":
            raise Broken
        if mood == "slow_refuse":
            time.sleep(0.3)
            raise Broken
        lines = data.split(b"\n")[:-1]
        if mood == "partial":  # as of a compressed body that was cut: what could be read counts
            lines = lines[:len(lines) // 4 * 2]
        items = self.items(index, lines, mood)
        errors = any(item["status"] >= 300 for item in map(lambda i: next(iter(i.values())), items))
        answer = {"errors": errors, "took": 1, "items": items}
        if mood == "reset_after":
            raise Broken
        if mood == "cut":
            return self.answer(200, answer, cut=random.Random(len(data)).randrange(1, 40))
        if mood == "garbage":
            return self.answer(200, b'{"errors":false,"items":[{"create":{"status"')
        if mood == "short":
            answer["items"] = items[:-1]
        if mood == "long":
            answer["items"] = items + items[:1]
        if mood == "late":
            time.sleep(1.2)
        return self.answer(200, answer)

    def items(self, index, lines, mood):
        fake = self.owner
        items = []
        with fake.record.lock:
            for action, source in zip(lines[::2], lines[1::2], strict=True):
                (op, meta), = json.loads(action).items()
                items.append({op: self.item(meta.get("_index", index), meta, source, mood)})
        return items

    def item(self, index, meta, source, mood):
        fake = self.owner
        if index in fake.refused:
            return {"status": 403, "error": {"type": "security_exception", "reason": "may not"}}
        if fake.poison and fake.poison in source and b'"error.type"' not in source:
            return {"status": 400, "error": {"type": PARSE, "reason": "Preview: 'secret'"}}
        if mood.startswith("items_") and fake.random.random() < fake.share:
            return {"status": int(mood[6:]), "error": {"type": "told_so", "reason": mood}}
        if not fake.record.store(index, meta.get("_id"), fake.key(source)):
            return {"status": 409, "error": {"type": "version_conflict_engine_exception",
                                             "reason": "document already exists"}}
        return {"status": 201}


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
