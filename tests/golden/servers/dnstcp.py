# SPDX-License-Identifier: Apache-2.0
"""Several DNS questions in one TCP segment, one question in several, to a real name server."""
import socket
import struct
import sys
import time


def question(number, name):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    message = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)
    return struct.pack("!H", len(message)) + message


with socket.create_connection((sys.argv[1], 53), timeout=5) as s:
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.sendall(question(1, "www.weir.test") + question(2, "mail.weir.test"))
    time.sleep(0.1)
    for byte in question(3, "ns.weir.test"):
        s.sendall(bytes([byte]))
        time.sleep(0.001)
    s.settimeout(1)
    try:
        while s.recv(4096):
            pass
    except socket.timeout:
        pass
