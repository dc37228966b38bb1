# SPDX-License-Identifier: Apache-2.0
"""Attacks on what puts TCP streams in order."""
import itertools

from attack import attack
from frames import ACK, FIN, PSH, RST, SEGMENT, Talk, together

QUESTION = b"GET /an/address?with=%d HTTP/1.1\r\nHost: www.example.com\r\nAccept: */*\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 40\r\n\r\n" + b"y" * 40


def talk_in_pieces(dice, number, size):
    t = Talk(dice, number, 80)
    yield from t.open()
    for n in range(3):
        yield from t.say(0, QUESTION % n, size)
        yield from t.say(1, ANSWER, size)
    yield from t.close()


@attack("transactions_answered")
def one_byte_segments(dice, count):
    """Conversations that are all right, byte by byte, many at once."""
    return together((talk_in_pieces(dice, n, 1) for n in itertools.count()), 2 + count // 1000)


def window(dice, number, size, order, rounds=1):
    """A hole in front of a window of segments, in some order; then the next window, or the byte
    that was missing."""
    t = Talk(dice, number, 80)
    yield from t.open()
    data = QUESTION % number + b"z" * (64 * size)
    for n in range(rounds):
        begin = t.next[0]
        places = list(range(1, len(data), size))
        order(dice, places)
        for at in places:
            yield t.send(0, PSH | ACK, data[at:at + size], begin + at)
        if n % 2:
            yield t.send(0, PSH | ACK, data[:1], begin)
        t.next[0] += len(data)


def backwards(_, places):
    places.reverse()


def shuffled(dice, places):
    dice.shuffle(places)


def evens_first(_, places):
    places[:] = places[::2] + places[1::2]


@attack("tcp_waiting_ceiling")
def windows_kept_full(dice, count):
    """Full segments behind a hole, of more flows than may wait, in any order."""
    orders = (backwards, shuffled, evens_first)
    return together((window(dice, n, SEGMENT, orders[n % 3], 4) for n in itertools.count()), 2 + count // 200)


@attack("tcp_out_of_order")
def windows_of_bytes(dice, count):
    """The same with segments of one byte: the most pieces for the ceilings to hold."""
    orders = (backwards, shuffled, evens_first)
    return together((window(dice, n, 1, orders[n % 3], 40) for n in itertools.count()), 2 + count // 200)


def far_window(dice, number):
    """A whole window of single bytes with a hole between any two."""
    t = Talk(dice, number, 80)
    yield from t.open()
    begin = t.next[0] + 10
    places = list(range(0, 12000, 2))
    dice.shuffle(places)
    for at in places:
        yield t.send(0, PSH | ACK, b"z", begin + at)


@attack("tcp_out_of_order")
def holes_everywhere(dice, count):
    """Single bytes with holes between them, in no order, so that each place is far from both ends."""
    return together((far_window(dice, n) for n in itertools.count()), 2 + count // 5000)


def finished_early(dice, number):
    t = Talk(dice, number, 80)
    yield from t.open()
    yield t.send(0, PSH | ACK, b"G")
    yield t.send(0, FIN | ACK, b"", t.next[0] + 9)


@attack("tcp_gaps")
def ends_behind_holes(dice, count):
    """A beginning, then an end behind a hole: streams that wait with nothing in hand."""
    return together((finished_early(dice, n) for n in itertools.count()), 2 + count // 200)


def says_again(dice, number):
    t = Talk(dice, number, 80)
    yield from t.open()
    begin = t.next[0]
    yield t.send(0, PSH | ACK, b"GET / HTTP/1.1\r\nX: ")
    for _ in range(200):
        at = dice.randrange(0, 3000)
        yield t.send(0, PSH | ACK, dice.randbytes(dice.randrange(1, SEGMENT)), begin + at)


@attack("tcp_retransmitted")
def again_with_other_bytes(dice, count):
    """Retransmissions whose bytes are never the same, over whatever edges."""
    return together((says_again(dice, n) for n in itertools.count()), 2 + count // 2000)


def acknowledges(dice, number):
    t = Talk(dice, number, 80)
    yield from t.open()
    yield t.send(0, PSH | ACK, QUESTION % number)
    for _ in range(100):
        t.next[0] += dice.choice((1, 1000, 70000, 1 << 20, 1 << 30))
        yield t.send(1, PSH | ACK, b"HTTP")
        t.next[1] += dice.choice((0, 0, 1, 5000, 1 << 21))


@attack("tcp_gaps")
def bytes_nobody_sent(dice, count):
    """Acknowledgements of what was not captured, near and far, with a hole in each segment."""
    return together((acknowledges(dice, n) for n in itertools.count()), 2 + count // 1000)


def unended(dice, number):
    t = Talk(dice, number, 80)
    yield from t.open()
    yield from t.say(number & 1, (b"GET /" if number & 1 == 0 else b"HTTP/1.1 200 ") + b"d" * 60000, 1)


@attack("conns_opened")
def lines_without_end(dice, count):
    """A start line byte by byte, as long as one may be, of a few conversations."""
    return together((unended(dice, n) for n in itertools.count()), 2)


def unread(number, dice, size):
    """A head without end, in its segments; then nothing, until all others have as much."""
    t = Talk(dice, number, 80)
    yield from t.open()
    yield from t.say(0, (b"GET / HTTP/1.1\r\nX: " + b"d" * size)[:size])
    yield None
    yield t.send(0, RST | ACK)


@attack("conns_opened")
def heads_of_all_sizes(dice, count):
    """Unfinished heads, as many as are kept: first short ones, then those twice as long, and on."""
    size, number = 300, 0
    while size < 1 << 20:
        many = min(50000, max(2, (64 << 20) // size * min(count, 1_000_000) // 1_000_000))
        talks = [unread(number + n, dice, size) for n in range(many)]
        for one in talks:
            yield from itertools.takewhile(lambda made: made, one)
        for one in talks:
            yield from one
        size, number = 2 * size, number + many


def drips(dice, number):
    t = Talk(dice, number, 80)
    yield from t.open()
    for one in t.say(0, b"GET /slow HTTP/1.1\r\nX: " + b"d" * 5000, 1):
        yield (2_000_000, one)  # 500 in a second, of all


@attack("conns_evicted")
def slow_drip(dice, count):
    """More conversations than there may be, each of which says a byte now and then."""
    return together((drips(dice, n) for n in itertools.count()), 30 + count // 20)
