# SPDX-License-Identifier: Apache-2.0
"""A connection that is reset after half a request."""
import socket
import struct
import sys
import time

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5) as s:
    s.sendall(b"GET /half HTTP/1.1\r\n")
    time.sleep(0.05)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
