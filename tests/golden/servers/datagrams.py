# SPDX-License-Identifier: Apache-2.0
"""Three UDP datagrams of a size, to a port where nobody listens."""
import socket
import sys

family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as s:
    s.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", 40123))
    for number in range(3):
        s.sendto(bytes([65 + number]) * int(sys.argv[2]), (sys.argv[1], 7777))
