#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Live capture of genuine servers and clients over a bad cable, seen in a mirror.

    tests/e2e/live_relay.py [WORD…]     only tests whose name holds every word

        client ──── relay ──── server       each in a network namespace of its own
                      │
                    mirror ──── weir

The relay (tests/e2e/relay.c) loses, repeats, delays and cuts up what goes over the cable, and wraps
what it shows in the mirror. Every question carries a number that its answer repeats, so a wrong
pair is seen. What the ends repair, weir must see whole: each question once, with its own answer.
What only the mirror lost nobody repairs: then nothing may be paired wrongly, and no more be left
alone than frames are missing. No test depends on how fast the machine is. Needs root, network
namespaces, nginx, curl, dnsmasq and ethtool, and RELAY, the relay (or a compiler to make it).
"""
import atexit
import collections
import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import live  # noqa: E402
import probe  # noqa: E402
from live import PATIENCE, Net, Probe, device, eventually, sh  # noqa: E402
from probe import want  # noqa: E402

CLIENTS = 4
CONFIG = """
weir:
  protocols:
  - {type: http, ports: [80], send_headers: [x-asked]}
  - {type: dns, ports: [53]}
output.file.path: /tmp
"""
# Where they are: on the cable itself, or over a card that the kernel made on top of it.
SERVER = {"ipv4": "10.5.0.2", "ipv6": "fd05::2", "over": "10.6.0.2"}
CLIENT = {"ipv4": "10.5.0.1{}", "ipv6": "fd05::1{}", "over": "10.6.0.1{}"}  # of a number
MAC = {"client": "02:00:00:00:00:01", "server": "02:00:00:00:00:02"}


# ── the cable ──

def relay_path():
    if "RELAY" in os.environ:
        return os.environ["RELAY"]
    folder = tempfile.mkdtemp(prefix="weir-relay-")
    atexit.register(shutil.rmtree, folder)
    sh("cc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-o", f"{folder}/relay",
       pathlib.Path(__file__).with_name("relay.c"))
    return f"{folder}/relay"


def clients(*networks):
    return [CLIENT[network].format(number) for network in networks for number in range(CLIENTS)]


class End(Net):
    """A namespace with one end of the cable, whose frames are as a wire would carry them."""

    def __init__(self, middle, card, role, addresses):
        super().__init__(pairs=0)
        self.card = card
        middle.ip("link", "set", card, "netns", self.name)
        for name in ("all", "default", card):
            self.run("sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=0")
        self.ip("link", "set", card, "address", MAC[role], "mtu", 1500)
        self.run("ethtool", "-K", card, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        self.ip("link", "set", card, "up")
        self.has(card, addresses)
        for prefix in ("10.5.0.0/24", "fd05::/64"):  # what is lost comes again soon
            self.ip("route", "replace", prefix, "dev", card, "rto_min", "20ms")

    def has(self, card, addresses):
        for address in addresses:
            bits, more = (64, ["nodad"]) if ":" in address else (24, [])
            self.ip("addr", "add", f"{address}/{bits}", "dev", card, *more)

    def knows(self, role, addresses):
        for address in addresses:
            self.ip("neigh", "replace", address, "lladdr", MAC[role], "dev", self.card, "nud",
                    "permanent")


class Cable:
    """Client, server and the relay between them; the mirror comes out at b2 of `middle`."""

    def __init__(self):
        self.left = contextlib.ExitStack()
        try:
            self.build()
        except BaseException:
            self.left.close()
            raise

    def build(self):
        here, there = clients("ipv4", "ipv6"), [SERVER["ipv4"], SERVER["ipv6"]]
        self.folder = self.left.enter_context(tempfile.TemporaryDirectory(prefix="weir-relay-"))
        self.middle = self.left.enter_context(Net(pairs=3))
        self.client = self.left.enter_context(End(self.middle, "a0", "client", here))
        self.server = self.left.enter_context(End(self.middle, "a1", "server", there))
        self.client.knows("server", there)
        self.server.knows("client", here)

    def start(self, *options):
        """From here on frames are carried; nothing was before."""
        self.relay = subprocess.Popen(self.middle.inside(RELAY, *options, "-t", 2 * PATIENCE, "b0",
                                                          "b1", "a2"), stdout=subprocess.PIPE, text=True)
        self.left.callback(self.stop)
        want(self.relay.stdout.readline() == "ready\n", "the relay does not start")

    def stop(self):
        """What it did; it has sent on all that had come."""
        if self.relay.poll() is None:
            self.relay.send_signal(signal.SIGTERM)
        said, _ = self.relay.communicate(timeout=PATIENCE)
        return collections.Counter({name: int(number) for name, number in
                                    map(str.split, said.splitlines())})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.left.close()


# ── HTTP ──

# The answer to /get/N/SIZE is SIZE bytes; /post/N answers before it has read what is sent,
# /put/N when it has read all of it.
NGINX = live.NGINX.split("server {{")[0] + """
root {0}; client_body_buffer_size 1m; keepalive_requests 100000;
server {{ listen 80; listen [::]:80;
  add_header X-Asked $request_uri;
  location ~ ^/get/\\d+/(?<size>\\d+)$ {{ try_files /body-$size =404; }}
  location /post {{ return 200 "got"; }}
  location /put {{ proxy_pass http://unix:{0}/stored; }}
}}
server {{ listen unix:{0}/stored; location / {{ return 200 "stored"; }} }}
}}
"""
SIZES = (0, 700, 9000, 60000)
SENT = 20000  # bytes of a request
REQUESTS = 5  # of each client, of each kind and size


def http_paths():
    for client in range(CLIENTS):
        for number in range(REQUESTS):
            yield f"/post/{client}{number}"
            yield f"/put/{client}{number}"
            yield from (f"/get/{client}{number}/{size}" for size in SIZES)


def curl(cable, network, number):
    """All of a client's requests, over one connection if it stays whole."""
    host = f"[{SERVER[network]}]" if network == "ipv6" else SERVER[network]
    body = ["-H", "Expect:", "-H", "Content-Type: text/plain",
            "--data-binary", f"@{cable.folder}/body-{SENT}"]
    words = []
    for path, more in ((f"get/{number}[0-{REQUESTS - 1}]/{{{','.join(map(str, SIZES))}}}", []),
                       (f"post/{number}[0-{REQUESTS - 1}]", body),
                       (f"put/{number}[0-{REQUESTS - 1}]", body)):
        words += ["--next", "-sS", "-f", "--max-time", PATIENCE, "--interface",
                  CLIENT[network].format(number), *more, f"http://{host}/{path}"]
    return cable.client.inside("curl", *words[1:])


def http_load(cable, network):
    for size in (*SIZES, SENT):
        pathlib.Path(cable.folder, f"body-{size}").write_bytes(b"x" * size)
    with live.nginx(cable.server, cable.folder, NGINX):
        eventually(lambda: "LISTEN" in cable.server.run("ss", "-ltnH", "sport", "= 80").stdout,
                   lambda: "nginx does not listen")
        running = [subprocess.Popen(curl(cable, network, number), stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE) for number in range(CLIENTS)]
        for one in running:
            _, said = one.communicate(timeout=2 * PATIENCE)
            want(one.returncode == 0, f"curl: {said}")


def size_of(message):
    return message.get("body", {}).get("bytes", 0)


def http_wrong(one):
    """A question with another one's answer, or with another size than its own."""
    response = one["http"].get("response", {})
    if "status_code" not in response or "url" not in one:
        return False
    kind, _, *size = one["url"]["path"].strip("/").split("/")
    return (response["headers"].get("x-asked") != one["url"]["path"]
            or response["status_code"] != 200
            or kind == "get" and size_of(response) != int(size[0])
            or kind != "get" and size_of(one["http"]["request"]) != SENT)


def http_pairs(documents):
    """How often each path was paired."""
    return collections.Counter(one["url"]["path"] for one in documents if "url" in one
                               and "status_code" in one["http"].get("response", {}))


# ── DNS ──

# h-10-7-A-B.test has the address 10.7.A.B; t-N.test has three long texts that begin with N.
TEXTS = 6
QUESTIONS = 40  # of each client; so many are under way at once:
AT_ONCE = 8


def names_of(client):
    return [*(f"h-10-7-{client}-{number}.test" for number in range(QUESTIONS)),
            *(f"t-{client}{number}.test" for number in range(TEXTS))]


def dns_names():
    return [name for client in range(CLIENTS) for name in names_of(client)]


def dnsmasq_conf():
    lines = ["no-resolv", "no-hosts", "bind-interfaces", "user=root", "edns-packet-max=4096",
             "synth-domain=test,10.7.0.0/16,h-", "pid-file", "interface=a1", "except-interface=lo"]
    for name in dns_names():
        if name.startswith("t-"):
            text = f"{name[2:-5]} {'x' * 200}"
            lines += [f"txt-record={name},{number}{text},{text},{text},{text}" for number in "abc"]
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def dnsmasq(cable):
    conf = pathlib.Path(cable.folder, "dnsmasq.conf")
    conf.write_text(dnsmasq_conf())
    process = subprocess.Popen(cable.server.inside("dnsmasq", "--keep-in-foreground", f"--conf-file={conf}"),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)
    try:
        eventually(lambda: "UNCONN" in cable.server.run("ss", "-lunH", "sport", "= 53").stdout,
                   lambda: "dnsmasq does not listen")
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def question(number, name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    kind = 16 if name.startswith("t-") else 1
    options = struct.pack("!BHHIH", 0, 41, 4096, 0, 0)  # answers of 4096 bytes are welcome
    return (struct.pack("!HHHHHH", number, 0x100, 1, 0, 0, 1) + labels +
            struct.pack("!BHH", 0, kind, 1) + options)


def ask_udp(end, names):
    """Some at once; what is not answered is asked again, as it was. How many were sent."""
    sent = 0
    for first in range(0, len(names), AT_ONCE):
        waiting = {number: question(number, name)
                   for number, name in enumerate(names[first:first + AT_ONCE], first + 1)}
        for _ in range(PATIENCE * 10):
            for text in waiting.values():
                end.send(text)
            sent += len(waiting)
            with contextlib.suppress(TimeoutError):
                while waiting:
                    waiting.pop(struct.unpack_from("!H", end.recv(65536))[0], None)
            if not waiting:
                break
        want(not waiting, f"{len(waiting)} questions were never answered")
    return sent


def ask_tcp(end, names):
    """All of them in one breath."""
    texts = [question(number, name) for number, name in enumerate(names)]
    end.settimeout(PATIENCE)
    end.sendall(b"".join(struct.pack("!H", len(text)) + text for text in texts))
    with end.makefile("rb") as answers:
        for _ in texts:
            length, = struct.unpack("!H", answers.read(2))
            want(len(answers.read(length)) == length, "an answer is cut off")
    return len(texts)


@contextlib.contextmanager
def inside(net):
    """What sockets this thread makes are the namespace's."""
    libc, new_net = ctypes.CDLL(None, use_errno=True), 0x40000000
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{net.name}") as away:
        want(libc.setns(away.fileno(), new_net) == 0, "no way into the namespace")
        try:
            yield
        finally:
            want(libc.setns(home.fileno(), new_net) == 0, "no way back")


def dns_client(cable, network, kind, number, results):
    family = socket.AF_INET6 if network == "ipv6" else socket.AF_INET
    with inside(cable.client), socket.socket(family, kind) as end:
        end.settimeout(0.1 if kind == socket.SOCK_DGRAM else PATIENCE)
        end.bind((CLIENT[network].format(number), 0))
        end.connect((SERVER[network], 53))
        ask = ask_udp if kind == socket.SOCK_DGRAM else ask_tcp
        results[number] = ask(end, names_of(number))


def dns_load(cable, network, kind=socket.SOCK_DGRAM):
    """How many questions were asked again."""
    results = {}
    with dnsmasq(cable):
        threads = [threading.Thread(target=dns_client, args=(cable, network, kind, number, results))
                   for number in range(CLIENTS)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    want(len(results) == CLIENTS, "a client failed")
    return sum(results.values()) - len(dns_names())


def dns_wrong(one):
    """A question with another one's answer."""
    if one["status"] != "OK":
        return False
    name, found = one["dns"]["question"]["name"], one["dns"]["answers"]
    if name.startswith("h-"):
        return [answer["data"] for answer in found] != [name[2:-5].replace("-", ".")]
    return len(found) != 3 or not all(answer["data"][1:].startswith(f"{name[2:-5]} x") for answer in found)


def dns_pairs(documents):
    return collections.Counter(one["dns"]["question"]["name"] for one in documents
                               if one["status"] == "OK")


# ── what goes over the cable ──

# `names`: what is asked; `pairs`: how often each got an answer, among documents; `wrong`: whether
# one has an answer that is not its own; `together`: so many questions may be in one frame.
Load = collections.namedtuple("Load", "run names pairs wrong type together")
LOADS = {
    "http": Load(http_load, http_paths, http_pairs, http_wrong, "http", 1),
    "dns": Load(dns_load, dns_names, dns_pairs, dns_wrong, "dns", 1),
    "dns over tcp": Load(lambda cable, network: dns_load(cable, network, socket.SOCK_STREAM), dns_names,
                         dns_pairs, dns_wrong, "dns", 40),
}
# Per 1000 frames, but -f.
ROADS = {
    "good": [],
    "loss": ["-l", 20],
    "twice": ["-d", 40],
    "late": ["-o", 60],
    "unsteady": ["-l", 10, "-d", 20, "-o", 40],
    "fragments": ["-f", 512],
    "all of it": ["-l", 10, "-d", 20, "-o", 40, "-f", 1000],
}
CABLES = collections.Counter()  # what all of them did
WRAPS = ("vlan", "qinq", "vxlan", "geneve", "gre", "gre-bridge", "erspan")

# `again`: how many questions the clients had to repeat.
Seen = collections.namedtuple("Seen", "relay again documents counters pairs")


def exchange(load, network, options, workers, settings=(), prepare=lambda cable: None):
    """What weir saw of a load; the ledger holds what the relay says it put into the mirror."""
    with Cable() as cable:
        config = pathlib.Path(cable.folder, "weir.yml")
        config.write_text(CONFIG)
        prepare(cable)
        with Probe(cable.middle, *device("b2", workers, *settings), config=config) as weir:
            cable.start(*options)
            again = load.run(cable, network)
            relay = cable.stop()
            result = weir.end()
    CABLES.update(relay)
    want(relay["refused"] == 0, f"the relay could not send: {relay}")
    live.want_all(result, relay["mirrored"])
    want(result.counters["kernel_dropped"] == 0, "packets were dropped")
    documents = [one for one in result.documents if one["type"] == load.type]
    wrong = [one for one in documents if load.wrong(one)]
    want(not wrong, f"{len(wrong)} of {len(documents)} have another's answer: {wrong[:1]}")
    return Seen(relay, again, documents, result.counters, load.pairs(documents))


def is_alone(one):
    return one["status"] != "OK"


def alone(one):
    return f'{one["@timestamp"]} {one.get("query")}: {one.get("error", {}).get("message")}'


def want_each(load, seen):
    """Each question once, with its answer, and nothing else. A datagram that came twice is one
    question more, and has one answer more."""
    wanted = collections.Counter(load.names())
    more = 2 * (seen.relay["twice"] + seen.again) if seen.again is not None and load.together == 1 else 0
    missing = wanted - seen.pairs
    want(not missing, f"{missing.total()} of {wanted.total()} were not paired: {list(missing)[:5]}; "
         f"{list(map(alone, filter(is_alone, seen.documents)))[:5]}; {seen.relay}; {seen.counters}")
    want(len(seen.documents) <= wanted.total() + more,
         f"{len(seen.documents)} documents of {wanted.total()} questions, {more} of them again")


def repaired(kind, network, options, workers):
    load = LOADS[kind]
    want_each(load, exchange(load, network, options, workers))


def missed(kind, workers):
    """Only the mirror loses: who lacks an answer lacks it because of a frame that is missing."""
    load = LOADS[kind]
    seen = exchange(load, "ipv4", ["-m", 15, "-s", workers], workers)
    missing = collections.Counter(load.names()) - seen.pairs
    most = seen.relay["missed"] * load.together
    want(missing.total() <= most, f"{missing.total()} are not paired, {most} may: {list(missing)[:5]}")
    want(max(seen.pairs.values()) == 1, "a question was paired twice")


def without_duplicates(kind, workers):
    """A window for duplicates, and of each pair of frames one is left. (A server that is asked
    twice gives two answers of its own; the second belongs to nobody.)"""
    load = LOADS[kind]
    seen = exchange(load, "ipv4", ["-d", 40], workers, ["weir.interfaces.duplicates_window=20ms"])
    want_each(load, seen)
    want(seen.counters["undecoded_duplicate"] >= seen.relay["twice"],
         f"{seen.relay['twice']} were repeated, {seen.counters['undecoded_duplicate']} left out")
    want(seen.again or max(seen.pairs.values()) == 1, "a question was paired twice")


# ── cards on top of cards, as far as this kernel has them ──

OVER = {
    "vlan": ["link", "a{end}", "name", "over", "type", "vlan", "id", 7],
    "vxlan": ["name", "over", "type", "vxlan", "id", 42, "dstport", 4789, "local", "{here}", "remote",
              "{there}"],
    "gre": ["name", "over", "type", "gre", "local", "{here}", "remote", "{there}"],
    "gretap": ["name", "over", "type", "gretap", "local", "{here}", "remote", "{there}"],
}
NETEM = ["netem", "delay", "2ms", "loss", "2%", "duplicate", "2%", "reorder", "5%"]


def put_over(net, kind, end):
    ends = CLIENT["ipv4"].format(0), SERVER["ipv4"]
    net.ip("link", "add", *(str(word).format(end=end, here=ends[end], there=ends[not end])
                            for word in OVER[kind]))


def is_there(kind):
    with Net() as net:
        try:
            if kind == "netem":
                net.run("tc", "qdisc", "add", "dev", "a0", "root", *NETEM)
            else:
                put_over(net, kind, 0)
        except (OSError, subprocess.CalledProcessError):
            return False
        return True


def of_the_kernel(kind, road, workers, settings=()):
    def prepare(cable):
        for end, net in enumerate((cable.client, cable.server)):
            if kind == "netem":
                net.run("tc", "qdisc", "add", "dev", net.card, "root", *NETEM)
                continue
            put_over(net, kind, end)
            net.ip("link", "set", "over", "mtu", 1400, "up")  # whole in a frame
            net.has("over", [SERVER["over"]] if end else clients("over"))

    load, network = LOADS["http"], "ipv4" if kind == "netem" else "over"
    want_each(load, exchange(load, network, ROADS[road], workers, settings, prepare))


def nothing_was_easy():
    """One cable may be spared by chance, so few frames go over it; not all of them."""
    idle = [name for name in ("lost", "twice", "late", "missed", "mirrored") if not CABLES[name]]
    want(not idle, f"never {', '.join(idle)}")


# ── all of them ──

def add_roads(suite):
    workers = 0
    for kind in LOADS:
        for road, options in ROADS.items():
            for place, more in {"before": ["-b"], "after": []}.items():
                workers = workers % 3 + 1
                suite.add(kind, f"{road}, mirror {place}/{workers}", repaired, kind, "ipv4", options + more,
                          workers)
        for road in ("fragments", "all of it"):
            suite.add(kind, f"{road}, ipv6/3", repaired, kind, "ipv6", ROADS[road], 3)
        if kind != "dns":  # of datagrams nothing says which was first
            suite.add(kind, "late in the mirror/2", repaired, kind, "ipv4", ["-r", 60], 2)
            suite.add(kind, "late everywhere/2", repaired, kind, "ipv4", ["-r", 60, *ROADS["unsteady"]], 2)


def add_rest(suite, here):
    for number, wrap in enumerate(WRAPS):
        for kind in ("http", "dns"):
            suite.add("wrapped", f"{wrap}, {kind}/3", repaired, kind, ("ipv4", "ipv6")[number % 2],
                      [*ROADS["all of it"], "-w", wrap], 3)
    for workers in (1, 2, 3):
        for kind in LOADS:
            suite.add("missed", f"{kind}/{workers}", missed, kind, workers)
    for kind in ("http", "dns"):
        suite.add("duplicates", f"{kind}/2", without_duplicates, kind, 2)
    for kind in here:
        suite.add("kernel", f"{kind}/3", of_the_kernel, kind, "good" if kind == "netem" else "unsteady", 3)
        if kind in OVER:  # the tunnel's own packets
            suite.add("kernel", f"{kind}, fragments/3", of_the_kernel, kind, "all of it", 3,
                      ["weir.interfaces.fanout=outer"])
    suite.add("cables", "did what they were told", nothing_was_easy)


def main():
    if not live.are_permitted():
        print("skipped: network namespaces are not permitted here")
        return live.SKIPPED
    lacking = [name for name in ("nginx", "curl", "dnsmasq", "ethtool") if not shutil.which(name)]
    if lacking:
        print(f"skipped: {', '.join(lacking)} not found")
        return live.SKIPPED
    global RELAY
    RELAY = relay_path()
    suite = probe.Suite(sys.argv[1:])
    here = [kind for kind in (*OVER, "netem") if is_there(kind)]
    absent = [kind for kind in (*OVER, "netem") if kind not in here]
    if absent:
        print(f"this kernel has no {', '.join(absent)}: the relay does the same")
    add_roads(suite)
    add_rest(suite, here)
    return 0 if suite.run() else 1


if __name__ == "__main__":
    sys.exit(main())
