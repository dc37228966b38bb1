# TLS servers and their clients for tests/golden/record: nginx on port 443, s_server of OpenSSL on 4431 to 4434, with certificates that
# are made here and mean nothing.
#   4431   three RSA certificates, every version, tickets, a stapled status        4433   ECDSA, P-384 only, so others must begin again
#   4432   wants a certificate of the client, resumes by session id                4434   two names, and refuses all others; RSA-PSS
#   8443   nginx too: three certificates whose names hold NNNNNNNN, which tests/bench/grow makes new ones of

# tls_sign NAME ISSUER SUBJECT EXTENSIONS OPTION…: a certificate and its key; ISSUER is NAME itself for a root.
tls_sign() {
    local name=$1 issuer=$2 subject=$3 extensions=$4 dir=$work/tls
    shift 4
    openssl genpkey -quiet -out "$dir/$name.key" "${key[@]}" 2>/dev/null
    openssl req -new -utf8 -key "$dir/$name.key" -subj "$subject" -out "$dir/$name.csr"
    printf '%b\n' "$extensions" >"$dir/$name.ext"
    local by=(-CA "$dir/$issuer.pem" -CAkey "$dir/$issuer.key")
    [ "$name" = "$issuer" ] && by=(-signkey "$dir/$name.key")
    openssl x509 -req -in "$dir/$name.csr" -out "$dir/$name.pem" "${by[@]}" -days 3650 -extfile "$dir/$name.ext" "$@" 2>/dev/null
}

tls_certificates() {
    local ca='basicConstraints=critical,CA:TRUE' key
    mkdir -p "$work/tls"
    key=(-algorithm RSA -pkeyopt rsa_keygen_bits:2048)
    tls_sign root root '/C=XW/O=Weir Test/CN=Weir Test Root' "$ca" -sha256
    tls_sign between root '/C=XW/O=Weir Test/OU=First/OU=Second/CN=Weir Test CA' "$ca" -sha512
    tls_sign server between '/C=XW/ST=Test, State/L=Tēst/street=1 Test Street/postalCode=00001/O=Weir "Test" \+ Co/CN=www.tls.test/serialNumber=42' \
        'subjectAltName=DNS:www.tls.test,DNS:*.tls.test,IP:10.77.0.2,IP:fd77::2,email:admin@tls.test' -sha256
    tls_sign pss root '/CN=one.tls.test' 'subjectAltName=DNS:one.tls.test' -sha384 -sigopt rsa_padding_mode:pss
    key=(-algorithm EC -pkeyopt ec_paramgen_curve:P-384)
    tls_sign ecdsa root '/DC=test/DC=tls/CN=ecdsa.tls.test' 'subjectAltName=DNS:ecdsa.tls.test' -sha256
    key=(-algorithm EC -pkeyopt ec_paramgen_curve:P-256)
    tls_sign clients clients '/O=Weir Test/CN=Weir Test Clients' "$ca" -sha256
    tls_sign ann clients '/O=Weir Test/CN=Ann' 'extendedKeyUsage=clientAuth' -sha256
    key=(-algorithm RSA -pkeyopt rsa_keygen_bits:2048)
    tls_sign bench-root bench-root '/C=XW/O=Weir Test/CN=Root NNNNNNNN' "$ca" -sha256
    tls_sign bench-ca bench-root '/C=XW/O=Weir Test/CN=CA NNNNNNNN' "$ca" -sha256
    tls_sign bench bench-ca '/C=XW/ST=Test State/L=Test/O=Weir Test/CN=NNNNNNNN.tls.test' \
        'subjectAltName=DNS:NNNNNNNN.tls.test,DNS:www.tls.test,DNS:tls.test' -sha256
    cat "$work/tls/bench.pem" "$work/tls/bench-ca.pem" "$work/tls/bench-root.pem" >"$work/tls/bench-chain.pem"
    cat "$work/tls/server.pem" "$work/tls/between.pem" "$work/tls/root.pem" >"$work/tls/chain.pem"
    cat "$work/tls/between.pem" "$work/tls/root.pem" >"$work/tls/issuers.pem"
}

# What an OCSP responder would say of the server's certificate.
tls_status() {
    local dir=$work/tls serial
    serial=$(openssl x509 -in "$dir/server.pem" -noout -serial | cut -d= -f2)
    printf 'V\t351231235959Z\t\t%s\tunknown\t/CN=www.tls.test\n' "$serial" >"$dir/index"
    openssl ocsp -issuer "$dir/between.pem" -cert "$dir/server.pem" -reqout "$dir/ocsp.request" -no_nonce >/dev/null 2>&1
    openssl ocsp -index "$dir/index" -CA "$dir/between.pem" -rsigner "$dir/between.pem" -rkey "$dir/between.key" -ndays 30 \
        -reqin "$dir/ocsp.request" -respout "$dir/ocsp.response" >/dev/null 2>&1
}

tls_serve() { # port option…
    local port=$1
    shift
    serve openssl s_server -quiet -accept "$port" -www -cipher 'ALL:@SECLEVEL=0' "$@" >/dev/null 2>&1 </dev/null
    wait_port "$port"
}

start_tls() {
    local dir=$work/tls
    tls_certificates
    tls_status
    cat >"$work/tls.conf" <<EOF
daemon off; worker_processes 1; pid $dir/pid; error_log $dir/error.log;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path $dir/b; proxy_temp_path $dir/p;
  fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
  server {
    listen 443 ssl http2; listen [::]:443 ssl http2; root $work/www; server_name www.tls.test;
    ssl_certificate $dir/chain.pem; ssl_certificate_key $dir/server.key; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:s:1m;
  }
  server {
    listen 8443 ssl; root $work/www; server_name bench.tls.test;
    ssl_certificate $dir/bench-chain.pem; ssl_certificate_key $dir/bench.key; ssl_protocols TLSv1.2;
  }
}
EOF
    serve nginx -c "$work/tls.conf"
    wait_port 443
    tls_serve 4431 -cert "$dir/server.pem" -key "$dir/server.key" -cert_chain "$dir/issuers.pem" -alpn h2,http/1.1 \
        -status_file "$dir/ocsp.response"
    tls_serve 4432 -cert "$dir/ecdsa.pem" -key "$dir/ecdsa.key" -no_ticket -no_tls1_3 -Verify 1 -verify_return_error -CAfile "$dir/clients.pem"
    tls_serve 4433 -cert "$dir/ecdsa.pem" -key "$dir/ecdsa.key" -groups P-384
    tls_serve 4434 -cert "$dir/server.pem" -key "$dir/server.key" -cert2 "$dir/pss.pem" -key2 "$dir/pss.key" \
        -servername one.tls.test -servername_fatal
}

# A handshake by s_client: port option…
shake() {
    local port=$1
    shift
    { sleep 0.2; echo Q; } | in_client openssl s_client -connect "10.77.0.2:$port" "$@" >/dev/null 2>&1 || true
}

do_tls_nginx() {
    local site=https://www.tls.test to="--resolve www.tls.test:443:10.77.0.2 --resolve no.tls.test:443:10.77.0.2 -k"
    get $to "$site/" >/dev/null
    get $to --http1.1 --tls-max 1.2 "$site/style.css" >/dev/null
    get $to --no-alpn --tls-max 1.2 "$site/style.css" >/dev/null
    get $to -H 'Connection: close' --http1.1 --tls-max 1.2 "$site/" "$site/style.css" >/dev/null
    get $to -H 'Connection: close' --http1.1 "$site/" "$site/style.css" >/dev/null
    get $to --curves P-384 https://no.tls.test/ >/dev/null
    get --cacert "$work/tls/clients.pem" --resolve www.tls.test:443:10.77.0.2 --tls-max 1.2 "$site/" >/dev/null
    get -k https://10.77.0.2/ >/dev/null
    get -k -g 'https://[fd77::2]/style.css' >/dev/null
    get http://10.77.0.2:443/ >/dev/null # no TLS
}

do_tls_openssl() {
    local old='ALL:@SECLEVEL=0' session=$work/tls/session
    shake 4431 -tls1 -cipher "$old"
    shake 4431 -tls1_1 -cipher "$old" -servername www.tls.test
    shake 4431 -tls1_2 -servername www.tls.test -alpn h2,http/1.1 -status
    shake 4431 -tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256
    shake 4431 -tls1_2 -cipher AES128-SHA
    shake 4431 -tls1_3 -servername www.tls.test -alpn http/1.1 -no_middlebox
    shake 4431 -tls1_2 -sess_out "$session"
    shake 4431 -tls1_2 -sess_in "$session"
    shake 4431 -tls1_3 -sess_out "$session"
    shake 4431 -tls1_3 -sess_in "$session"
    shake 4431 -tls1_2 -CAfile "$work/tls/clients.pem" -verify_return_error # an unknown issuer
    shake 4432 -cert "$work/tls/ann.pem" -key "$work/tls/ann.key" -sess_out "$session"
    shake 4432 -cert "$work/tls/ann.pem" -key "$work/tls/ann.key" -sess_in "$session"
    shake 4432 # no certificate
    shake 4433 -groups X25519:P-384
    shake 4433 -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256 # no cipher in common
    shake 4434 -tls1_2 -servername one.tls.test
    shake 4434 -tls1_2 -servername other.tls.test
    shake 4434 -tls1_2 -maxfraglen 512 -noservername
}

# One connection with a whole handshake.
do_bench_tls() {
    get -k --resolve bench.tls.test:8443:10.77.0.2 https://bench.tls.test:8443/style.css >/dev/null
}
