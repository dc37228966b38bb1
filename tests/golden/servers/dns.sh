# Name servers and their clients for tests/golden/record: BIND with a signed zone on port 53, dnsmasq on 5353.

start_dns() {
    mkdir -p "$work/bind"
    cat >"$work/bind/weir.test" <<'EOF'
$TTL 300
@       SOA ns.weir.test. admin.weir.test. ( 7 3600 600 86400 60 )
        NS ns
        MX 10 mail
        MX 20 mail2
        TXT "v=spf1 -all" "second string"
        CAA 0 issue "ca.weir.test"
ns      A 10.77.0.2
        AAAA fd77::2
www     A 10.77.0.2
        AAAA fd77::2
        HTTPS 1 . alpn="h2,h3" ipv4hint=10.77.0.2
mail    A 10.77.0.2
mail2   A 10.77.0.2
alias   CNAME www
branch  DNAME www.weir.test.
_sip._udp SRV 5 10 5060 www
_443._tcp.www TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
svc     SVCB 2 www.weir.test. port=8443 mandatory=port
nap     NAPTR 10 20 "u" "E2U+sip" "!^.*$!sip:info@weir.test!" .
host    HINFO "PC" "Linux"
place   LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
key     SSHFP 1 1 0123456789abcdef0123456789abcdef01234567
link    URI 10 1 "https://www.weir.test/"
odd\.dot A 10.77.0.3
EOF
    for i in $(seq 1 4); do # delegations, for answers full of authorities and additionals
        printf 'zone%s NS ns1.zone%s\n NS ns2.zone%s\n NS ns3.zone%s\n' $i $i $i $i
        for n in 1 2 3; do printf 'ns%s.zone%s A 10.77.2.%s\n AAAA fd77::2:%s\n' $n $i $((10 * i + n)) $((10 * i + n)); done
    done >>"$work/bind/weir.test"
    for i in $(seq 1 60); do echo "many A 10.77.1.$i" >>"$work/bind/weir.test"; done
    cat >"$work/named.conf" <<EOF
options { directory "$work/bind"; listen-on { 10.77.0.2; }; listen-on-v6 { fd77::2; }; recursion no;
  pid-file "$work/bind/pid"; session-keyfile "$work/bind/key"; allow-transfer { any; }; dnssec-validation no;
  max-udp-size 1232; };
controls { };
zone "weir.test" { type primary; file "$work/bind/weir.test"; dnssec-policy default; inline-signing yes; check-names ignore; };
zone "0.77.10.in-addr.arpa" { type primary; file "$work/bind/reverse"; };
EOF
    cat >"$work/bind/reverse" <<'EOF'
$TTL 300
@ SOA ns.weir.test. admin.weir.test. ( 1 3600 600 86400 60 )
  NS ns.weir.test.
2 PTR www.weir.test.
EOF
    chmod -R a+rwX "$work/bind"
    serve named -g -c "$work/named.conf" -u root 2>"$work/named.log"
    serve dnsmasq --no-daemon --no-resolv --no-hosts --port=5353 --listen-address=10.77.0.2 --bind-interfaces \
        --address=/dev.weir.test/10.77.0.9 --txt-record=note.dev.weir.test,hello --log-facility=- 2>"$work/dnsmasq.log"
    wait_port 53
    for _ in $(seq 50); do # until the zone is signed
        in_client dig +dnssec +noall +answer @10.77.0.2 weir.test SOA | grep -q RRSIG && return 0
        sleep 0.2
    done
    cat "$work/named.log" >&2
    return 1
}

ask() { in_client dig +tries=1 +time=2 @10.77.0.2 "$@" >/dev/null 2>&1 || true; }

do_dns_bind() {
    local type
    for type in A AAAA HTTPS; do ask www.weir.test $type; done
    for type in SOA NS MX TXT CAA DNSKEY NSEC3PARAM; do ask +bufsize=4096 weir.test $type; done
    ask alias.weir.test
    ask deep.branch.weir.test
    ask _sip._udp.weir.test SRV
    ask _443._tcp.www.weir.test TLSA
    ask svc.weir.test SVCB
    ask nap.weir.test NAPTR
    ask host.weir.test HINFO
    ask place.weir.test LOC
    ask key.weir.test SSHFP
    ask link.weir.test URI
    ask 'odd\.dot.weir.test'
    ask -x 10.77.0.2
    ask nothing.weir.test
    ask +dnssec www.weir.test
    ask +dnssec nothing.weir.test
    ask +noedns www.weir.test
    ask +norecurse +cdflag +adflag www.weir.test
    ask +subnet=192.0.2.0/24 +nsid www.weir.test
    ask other.example A
    ask -c CH version.bind TXT
    ask many.weir.test
    ask -6 @fd77::2 www.weir.test
    in_client dig +tries=1 +time=1 @10.77.0.99 unanswered.weir.test >/dev/null 2>&1 || true
}

# Questions of a busy resolver, whose documents come to some 2 kB with authorities and additionals.
do_bench_dns() {
    local i
    for i in 1 2; do ask "www.zone$i.weir.test" AAAA; done
    ask +dnssec host.zone3.weir.test A
    ask nothing.weir.test AAAA
    ask mail.weir.test A
    ask www.weir.test A
    ask +dnssec www.weir.test AAAA
    ask weir.test MX
    ask +dnssec weir.test NS
    ask +dnssec nothing.weir.test A
    ask www.weir.test HTTPS
    ask _sip._udp.weir.test SRV
    ask alias.weir.test A
}

do_dns_tcp() {
    ask +tcp www.weir.test
    ask AXFR weir.test
    ask +bufsize=512 +ignore many.weir.test
    ask +keepopen +tcp www.weir.test A mail.weir.test A
    in_client python3 "$here/servers/dnstcp.py" 10.77.0.2
}

do_dns_dnsmasq() {
    in_client dig +tries=1 +time=2 -p 5353 @10.77.0.2 a.dev.weir.test >/dev/null 2>&1 || true
    in_client dig +tries=1 +time=2 -p 5353 @10.77.0.2 note.dev.weir.test TXT >/dev/null 2>&1 || true
    in_client dig +tries=1 +time=2 -p 5353 @10.77.0.2 elsewhere.example >/dev/null 2>&1 || true
}
