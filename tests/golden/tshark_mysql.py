# SPDX-License-Identifier: Apache-2.0
"""What tests/golden/tshark compares of MySQL: by connection, who logged in where, all statements in their order, what failed, and
how many rows were changed.

What Weir hides (passwords in statements) is hidden in what tshark says too. tshark (4.0) does not look into compressed packets: of such
a connection only the log-in is compared. Conversations on other ports than 3306 (mysql-script) are not recorded for it: it knows
neither the ends that newer servers leave out nor zstd.
"""
import re

FILTER = "mysql"
FIELDS = ["mysql.query", "mysql.error_code", "mysql.affected_rows", "mysql.user", "mysql.version", "mysql.thread_id"]
PORT = 3306
PROGRESS = "65535"  # MariaDB says how far it is in packets like errors, and tshark takes them for some
SECRET = re.compile(r"(identified by )([\"']).*?\2")


def by(key, items):
    found = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def said(packets, field):
    return [value for packet in packets for value in packet.get(field, [])]


def ours_of(documents, commands):
    return [d for d in documents if d["mysql"]["command"] in commands]


def is_packed(documents):
    return any("compression" in d["mysql"] for d in documents)


def facts(packets, documents):
    """(what, tshark's, ours) for one connection."""
    first = documents[0]["mysql"]
    yield "version", said(packets, "mysql.version")[:1], ["5.5.5-" + first["server_version"]]  # MariaDB's disguise
    yield "connection", said(packets, "mysql.thread_id")[:1], [str(first["connection_id"])]
    if first["tls"]:
        return
    users = [d["mysql"]["user"] for d in ours_of(documents, ("LOGIN", "CHANGE_USER"))]
    yield "users", [user for user in said(packets, "mysql.user") if user], users
    if is_packed(documents):
        return
    queries = [d["query"] for d in ours_of(documents, ("QUERY", "STMT_PREPARE"))]
    yield "statements", [SECRET.sub(r"\1'xxxxx'", text).strip() for text in said(packets, "mysql.query")], queries
    errors = [str(d["mysql"]["error_code"]) for d in documents if "error_code" in d["mysql"]]
    yield "errors", [code for code in said(packets, "mysql.error_code") if code != PROGRESS], errors
    yield "rows changed", sum(int(n) for n in said(packets, "mysql.affected_rows")), sum(d["mysql"]["affected_rows"] for d in documents)


def check(packets, documents):
    """(port, what, tshark's, ours); what is None: a connection."""
    ours = by(lambda d: d["source"]["port"], (d for d in documents if d["type"] == "mysql"))
    for stream in by(lambda packet: packet["stream"], packets).values():
        port = next(packet["port"] for packet in stream if packet["port"] != PORT)
        found = ours.pop(port, [])
        yield port, None, None, None
        yield port, "documents", True, bool(found)
        for what, wanted, got in facts(stream, found) if found else ():
            yield port, what, wanted, got
    for port in ours:
        yield port, "packets", "none", "some"
