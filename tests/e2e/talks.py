# SPDX-License-Identifier: Apache-2.0
"""HTTP conversations in which every answer names its question, and what bad captures do to them.

There is no client here that always has the same number of questions on their way: where the first
of them are lost nothing tells him from one that waits for each answer.
"""
import wire

PORT = 80
RATES = (0.01, 0.03, 0.08, 0.2, 0.4, 0.6)  # of packets that are lost
PAUSE = 500_000_000  # nanoseconds between two conversations


def question(dice, number, posts):
    if posts and number % 2:
        body = b"x" * dice.choice((10, 400, 3000))
        return b"POST /%d HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (number, len(body), body)
    filler = b"y" * dice.choice((5, 50, 2000) if posts else (5, 50))
    return b"GET /%d HTTP/1.1\r\nHost: h\r\nX: %s\r\n\r\n" % (number, filler)


def answer(dice, number):
    """Its reason phrase is the number of the question."""
    body = b"z" * dice.choice((0, 10, 300, 5000))
    if dice.randrange(5):
        return b"HTTP/1.1 200 %d\r\nContent-Length: %d\r\n\r\n%s" % (number, len(body), body)
    pieces = [body[at:at + 700] for at in range(0, len(body), 700)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 %d\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n" % (number, chunks)


class Talk:
    """One connection; questions are numbered from `first` on."""

    def __init__(self, dice, ports, first, time):
        self.dice, self.number = dice, first
        isn = (dice.randrange(1 << 32), dice.randrange(1 << 32))
        self.connection = wire.Connection(ports=ports, isn=isn, time=time)
        self.acknowledges = dice.randrange(2)

    def say(self, side, data):
        size = self.dice.choice((1460, 1460, 1460, 300))
        for at in range(0, len(data), size):
            self.connection.send(side, wire.PSH | wire.ACK, data[at:at + size])
        if self.acknowledges:
            self.connection.send(1 - side, wire.ACK)

    def batch(self, many, posts=False):
        """So many questions, in one segment or in several, then their answers."""
        numbers = range(self.number, self.number + many)
        asked = [question(self.dice, number, posts) for number in numbers]
        for one in [b"".join(asked)] if self.dice.randrange(2) else asked:
            self.say(0, one)
        for number in numbers:
            self.say(1, answer(self.dice, number))
        self.number += many


STYLES = {  # how many questions at once, with bodies
    "waiting": (lambda dice: 1, False),
    "posting": (lambda dice: 1, True),
    "pipelined": (lambda dice: dice.randrange(1, 5), False),
}


def talk(dice, style, ports, first, time):
    """The packets of a conversation, and how many questions it has. A beginning that is not in the
    capture is one of those who wait only: nobody can tell what was asked at once before."""
    many, posts = STYLES[style]
    one, count = Talk(dice, ports, first, time), dice.randrange(3, 14)
    if style == "pipelined" or dice.randrange(5):
        one.connection.open()
    while one.number < first + count:
        one.batch(many(dice), posts)
    if dice.randrange(2):
        one.connection.close()
    return one.connection.packets, one.number - first


def lose(dice, packets, rate):
    """One by one, or in bursts."""
    if dice.randrange(2):
        return [one for one in packets if dice.random() >= rate]
    kept, at = [], 0
    while at < len(packets):
        run = dice.randrange(1, 8)
        kept += packets[at:at + run] if dice.random() >= rate else []
        at += run
    return kept


def mix(dice, packets):
    """Some change places with near ones, whoever sent them."""
    for _ in range(len(packets) // 6):
        i = dice.randrange(len(packets))
        packets = wire.swapped(packets, i, min(len(packets) - 1, i + dice.randrange(1, 4)))
    return packets


def repeat(dice, packets):
    made = []
    for one in packets:
        made += [one, one._replace(time=one.time + 1000)] if dice.randrange(4) == 0 else [one]
    return made


def damage(dice, packets, rate):
    packets = lose(dice, packets, rate)
    if dice.randrange(3) == 0:
        packets = mix(dice, packets)
    return repeat(dice, packets) if dice.randrange(4) == 0 else packets


def talks(dice, style, count, damaged=True):
    """The packets of so many conversations one after the other, and how many questions they have."""
    made, asked, time = [], 0, wire.START
    for number in range(count):
        packets, questions = talk(dice, style, (1024 + number, PORT), 100 * number, time)
        keep = 3 if style == "pipelined" else 0  # the handshake
        if damaged:
            packets = packets[:keep] + damage(dice, packets[keep:], dice.choice(RATES))
        made += packets
        asked += questions
        time += PAUSE
    return made, asked


def pairs(documents):
    """(question, answer) of each document that has both beginnings."""
    for one in documents:
        http = one.get("http", {})
        if "request" in http and "response" in http:
            yield one["query"].split("/")[1], http["response"].get("status_phrase")
