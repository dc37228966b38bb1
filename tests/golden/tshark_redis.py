# SPDX-License-Identifier: Apache-2.0
"""What tests/golden/tshark compares of Redis: by connection, the words of all questions, and those of all answers.

Words as a set, for tshark shows what comes in several segments several times. tshark (4.0) knows RESP2 only: it does not see
questions without RESP, nor, on connections that speak RESP3 (HELLO 3), most of the answers. What Weir hides (secrets) or does
not show (lines of MONITOR) is left out of what tshark says. A replica's stream, behind PSYNC, is nothing that Weir looks at.
"""
import re

FILTER = "resp"
FIELDS = ["resp.bulk_string.value", "resp.string", "resp.integer", "resp.error"]
PORT = 6379
SECRETS = ("open sesame", "wrong", ">open sesame")
PLAIN_LINES = re.compile(r"SET p\d+ v|SET in line aA\n|GET in line")  # the questions that were sent without RESP
MONITOR = re.compile(r"\d+\.\d+ \[")


def values(packets):
    """Everything that one side said, as texts."""
    for packet in packets:
        for text in packet.get("resp.bulk_string.value", []):
            yield "" if text == "<MISSING>" else bytes.fromhex(text).decode("utf-8", "replace")
        for field in FIELDS[1:]:
            yield from packet.get(field, [])


def words(texts):
    """Brackets and commas of lists, "nil" and "xxxxx" stand in Weir's texts only."""
    parts = (re.split(r"[\s\[\]{},:]+", text) for text in texts if text not in SECRETS and not MONITOR.match(text))
    return sorted({word for part in parts for word in part} - {"", "nil", "xxxxx"})


def by(key, items):
    found = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def client_port(document):
    ports = document["source"]["port"], document["destination"]["port"]
    return ports[1] if ports[0] == PORT else ports[0]


def check(packets, documents):
    """(port, what, tshark's, ours); what is None: a connection."""
    ours = by(client_port, (document for document in documents if document["type"] == "redis"))
    for stream in by(lambda packet: packet["stream"], packets).values():
        asked, answered = ([packet for packet in stream if (packet["port"] == PORT) == side] for side in (False, True))
        port = asked[0]["port"]
        found = ours.pop(port, [])
        queries = [document["query"] for document in found if "query" in document]
        if any(query.startswith("PSYNC") for query in queries):
            continue
        yield port, None, None, None
        yield port, "questions", words(values(asked)), words(text for text in queries if not PLAIN_LINES.fullmatch(text))
        if not any("HELLO 3" in query for query in queries):
            answers = [document["redis"].get(key, "") for document in found for key in ("return_value", "error")
                       if "redis" in document]
            yield port, "answers", words(values(answered)), words(answers)
    for port in ours:
        yield port, "packets", "none", "some"
