# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL for tests/golden/tshark: what the server did, in its order, and which statements were sent."""

FILTER = "pgsql"
FIELDS = ["pgsql.type", "pgsql.query", "pgsql.tag", "pgsql.code", "pgsql.statement"]
PORTS = [5432]

# Messages that end the execution of one statement (or the call of a function). The one type that tshark does not know, CopyBothResponse,
# begins replication, which goes on for ever.
ENDS = ("Command completion", "Empty query", "Portal suspended", "Function call response", "Unknown")


class Connection:
    def __init__(self):
        self.port, self.outcomes, self.rows, self.parsed, self.simple = None, [], 0, [], []

    def add(self, packet):
        if packet["port"] in PORTS:
            self.add_answers(packet)
        else:
            self.port = packet["port"]
            self.add_questions(packet)

    def add_answers(self, packet):
        tags, codes = iter(packet.get("pgsql.tag", [])), iter(packet.get("pgsql.code", []))
        for kind in packet["pgsql.type"]:
            if kind == "Command completion":
                last = next(tags).split()[-1]
                self.outcomes.append(int(last) if last.isdigit() else None)
            elif kind in ENDS:
                self.outcomes.append(None)
            elif kind == "Error":
                self.outcomes.append(next(codes))
            elif kind == "Notice":
                next(codes)
            self.rows += kind == "Data row"

    def add_questions(self, packet):
        texts = iter(packet.get("pgsql.query", []))
        for kind in packet["pgsql.type"]:
            if kind in ("Parse", "Simple query"):
                # tshark leaves out texts that are empty
                (self.parsed if kind == "Parse" else self.simple).append(next(texts, ""))


def plain(text):
    return text.strip().rstrip(";").strip()


def rows(c, documents):
    """(what, tshark's, ours) for one connection. Documents of what was parsed or bound without being executed, and of what was not
    executed for an error before it, have no end of their own at the server."""
    ours = []
    for d in documents:
        inner = d["pgsql"]
        if "error_code" in inner:
            ours.append(inner["error_code"])
        elif inner["command"] in ("query", "execute", "function_call") and d["status"] == "OK":
            ours.append(inner.get("affected_rows"))
    yield "outcomes", c.outcomes, ours
    yield "rows", c.rows, sum(d["pgsql"].get("num_rows", 0) for d in documents)
    queries = [d.get("query", "") for d in documents]
    known = [text for text in map(plain, c.parsed) if "password" not in text]  # passwords are hidden
    yield "parsed", [], [text for text in known if text not in queries]
    sent = " ".join(c.simple)
    asked = [d["query"] for d in documents if d["pgsql"]["command"] == "query" and "query" in d]
    yield "asked", [], [text for text in asked if text not in sent and "password" not in text]
    single = [plain(text) for text in c.simple if ";" not in plain(text) and "password" not in text]
    yield "single statements", [], [text for text in single if text and text not in asked]


def connection_of(document):
    """The port of the client: a notification is sent by the server."""
    return document["destination" if document["pgsql"]["command"] == "notification" else "source"]["port"]


def check(packets, documents):
    """Yields port, what, tshark's, ours; a first what of None: a connection begins."""
    connections, found = {}, {}
    for packet in packets:
        if "pgsql.type" in packet:
            connections.setdefault(packet["stream"], Connection()).add(packet)
    for document in documents:
        if document["type"] == "pgsql":
            found.setdefault(connection_of(document), []).append(document)
    for c in connections.values():
        yield c.port, None, None, None
        for what, wanted, ours in rows(c, found.pop(c.port, [])):
            yield c.port, what, wanted, ours
    for port in found:
        yield port, "connection", None, "documents"
