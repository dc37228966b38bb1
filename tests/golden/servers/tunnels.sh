# SPDX-License-Identifier: Apache-2.0
# VXLAN of the kernel, over IPv4 and IPv6, and GPE without frames. The other tunnels no kernel of ours has:
# tests/golden/servers/tunnels.py writes them by their specifications.
tunnel_up() { # namespace, own number, other's, card
    ip -n "$1" link add vx4 type vxlan id 42 local "10.77.0.$2" remote "10.77.0.$3" dstport 4789 dev "$4"
    ip -n "$1" link add vx6 type vxlan id 16777215 local "fd77::$2" remote "fd77::$3" dstport 8472 dev "$4"
    ip -n "$1" link add gpe type vxlan external gpe dstport 4790
    ip -n "$1" addr add "10.78.0.$2/24" dev vx4
    ip -n "$1" addr add "10.79.0.$2/24" dev vx6
    ip -n "$1" addr add "10.80.0.$2/24" dev gpe
    for link in vx4 vx6 gpe; do ip -n "$1" link set "$link" up; done
    ip -n "$1" route add "10.80.0.$3/32" encap ip id 99 dst "10.77.0.$3" dev gpe
}

do_vxlan() {
    tunnel_up "$client" 1 2 veth-c
    tunnel_up "$server" 2 1 veth-s
    sleep 1
    for net in 78 79 80; do in_client ping -q -c 1 -W 1 "10.$net.0.2" >/dev/null || true; done
    get http://10.78.0.2/index.html
    get http://10.79.0.2/index.html
    get http://10.80.0.2/index.html
    for ns in "$client" "$server"; do for link in vx4 vx6 gpe; do ip -n "$ns" link del "$link"; done; done
}
