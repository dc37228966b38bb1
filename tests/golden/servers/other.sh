# Pings, fragments and plain connections for tests/golden/record.

do_icmp() {
    in_client ping -q -c 3 -i 0.2 -W 2 10.77.0.2 >/dev/null || true
    in_client ping -q -c 2 -i 0.2 -W 2 fd77::2 >/dev/null || true
    in_client ping -q -c 1 -W 1 -s 1000 10.77.0.2 >/dev/null || true
    in_server ping -q -c 1 -W 2 10.77.0.1 >/dev/null || true
    in_client ping -q -c 1 -W 1 10.77.0.99 >/dev/null || true
    in_client python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b"closed", ("10.77.0.2", 9))'
    in_client python3 -c 'import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.sendto(b"closed", ("fd77::2", 9))'
}

do_fragments() {
    in_client ping -q -c 1 -W 2 -s 4000 10.77.0.2 >/dev/null || true
    in_client ping -q -c 1 -W 2 -s 4000 fd77::2 >/dev/null || true
    in_client python3 "$here/servers/datagrams.py" fd77::2 6000
}

do_flows() {
    in_client python3 "$here/servers/datagrams.py" 10.77.0.2 300
    get http://10.77.0.2:8080/index.html
    in_client bash -c 'exec 3<>/dev/tcp/10.77.0.2/9999' 2>/dev/null || true
    in_client python3 "$here/servers/reset.py" 10.77.0.2 8080
    in_client python3 "$here/servers/reset.py" fd77::2 80
}
