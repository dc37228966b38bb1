# Web servers and their clients for tests/golden/record: nginx on port 80, Apache on 8080.

start_http() {
    mkdir -p "$work/www/deep" "$work/nginx" "$work/apache/cgi-bin"
    printf '<!doctype html>\n<title>Weir</title>\n<p>A small site.\n' >"$work/www/index.html"
    printf 'body { color: #024; }\n' >"$work/www/style.css"
    printf '{"name":"weir","answers":[1,2,3]}\n' >"$work/www/data.json"
    head -c 20000 /dev/zero | tr '\0' 'x' >"$work/www/large.txt"
    printf 'deep\n' >"$work/www/deep/a b.txt"
    seq 1 400 >"$work/www/numbers.txt"
    bench_site
    cat >"$work/nginx.conf" <<EOF
daemon off; worker_processes 1; pid $work/nginx/pid; error_log $work/nginx/error.log;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path $work/nginx/b; proxy_temp_path $work/nginx/p;
  fastcgi_temp_path $work/nginx/f; uwsgi_temp_path $work/nginx/u; scgi_temp_path $work/nginx/s;
  types { text/html html; text/css css; application/javascript js; image/png png; application/json json; text/plain txt; }
  gzip on; gzip_types text/plain application/json; gzip_min_length 200;
  server {
    listen 80; listen [::]:80; root $work/www; server_name www.weir.test;
    location /moved { return 301 /; }
    location /empty { return 204; }
    location /secret { auth_basic "secret"; auth_basic_user_file $work/passwords; try_files /data.json =404; }
    location /app { proxy_pass http://127.0.0.1:8080/cgi-bin/echo; proxy_http_version 1.1; }
  }
}
EOF
    printf 'ann:%s\n' "$(openssl passwd -apr1 open)" >"$work/passwords"
    cat >"$work/apache.conf" <<EOF
ServerRoot $work/apache
PidFile $work/apache/pid
Listen 8080
ServerName app.weir.test
ErrorLog $work/apache/error.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
TypesConfig /etc/mime.types
ScriptSock $work/apache/cgid
User www-data
Group www-data
DocumentRoot $work/www
ScriptAlias /cgi-bin/ $work/apache/cgi-bin/
<Directory $work>
  Require all granted
</Directory>
EOF
    cat >"$work/apache/cgi-bin/echo" <<'EOF'
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
printf '%s %s\n' "$REQUEST_METHOD" "$QUERY_STRING"
cat
EOF
    cat >"$work/apache/cgi-bin/fail" <<'EOF'
#!/bin/sh
printf 'Status: 500 Broken On Purpose\r\nContent-Type: text/plain\r\n\r\nno\n'
EOF
    chmod 755 "$work" "$work/apache/cgi-bin/"*
    [ -e /etc/mime.types ] || sed -i '/TypesConfig/d' "$work/apache.conf"
    serve nginx -c "$work/nginx.conf"
    serve apache2 -f "$work/apache.conf" -DFOREGROUND
    wait_port 80
    wait_port 8080
}

# What a browser loads of a small site: some 80 kB in six answers.
bench_site() {
    mkdir -p "$work/www/shop"
    seq -f '<p class="row">Line %g of a page that is long enough for some segments.</p>' 130 >"$work/www/shop/index.html"
    seq -f '.row:nth-child(%g) { margin: 0 0 1em 0; color: #024; }' 170 >"$work/www/shop/site.css"
    seq -f 'rows.push(function () { return document.getElementById("row" + %g); });' 260 >"$work/www/shop/site.js"
    seq -f '{"id":%g,"name":"an article","price":12.5,"stock":[1,2,3]},' 35 >"$work/www/shop/list.json"
    openssl enc -aes-128-ctr -nosalt -pass pass:logo -pbkdf2 -in /dev/zero 2>/dev/null | head -c 11000 >"$work/www/shop/logo.png" || true
    openssl enc -aes-128-ctr -nosalt -pass pass:view -pbkdf2 -in /dev/zero 2>/dev/null | head -c 37000 >"$work/www/shop/view.png" || true
}

get() { in_client curl -s -o /dev/null -A weir-test --max-time 5 "$@" || true; }

do_http_nginx() {
    local site=http://www.weir.test to="--resolve www.weir.test:80:10.77.0.2"
    get $to "$site/" "$site/style.css" "$site/data.json?q=1&pass=secret&empty="
    get $to -I "$site/large.txt"
    get $to "$site/large.txt" "$site/missing" "$site/moved" "$site/empty"
    get $to --compressed "$site/numbers.txt"
    get $to -r 10-19 "$site/numbers.txt"
    get $to -H 'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT' "$site/style.css"
    get $to "$site/deep/a%20b.txt"
    get $to -u ann:open "$site/secret"
    get $to -u ann:wrong "$site/secret"
    get $to -0 "$site/"
    get $to -X PUT -d x "$site/"
    get $to -H 'X-Forwarded-For: 192.0.2.7, 198.51.100.1' -H 'Cookie: a=1; b="two"' "$site/"
    get -g 'http://[fd77::2]/style.css'
    get http://10.77.0.2/style.css
}

do_http_apache() {
    local app=http://app.weir.test:8080 to="--resolve app.weir.test:8080:10.77.0.2"
    get $to "$app/cgi-bin/echo?one=1"
    get $to -d 'user=ann&password=open+sesame&lang=c%2B%2B' "$app/cgi-bin/echo"
    get $to -H 'Content-Type: application/json' -d '{"a":1}' "$app/cgi-bin/echo"
    head -c 3000 /dev/zero | tr '\0' 'y' >"$work/body"
    get $to -H 'Expect: 100-continue' --data-binary "@$work/body" "$app/cgi-bin/echo"
    get $to -H 'Transfer-Encoding: chunked' --data-binary "@$work/body" "$app/cgi-bin/echo"
    get $to "$app/cgi-bin/fail"
    get $to -X OPTIONS "$app/"
    get $to -X DELETE "$app/index.html"
    get $to -T "$work/www/data.json" "$app/cgi-bin/echo"
}

do_http_pipelined() {
    in_client python3 "$here/servers/pipeline.py" 10.77.0.2 80
}

# One keep-alive connection, as a browser would speak on it.
do_bench_http() {
    local shop=http://www.weir.test/shop
    get --resolve www.weir.test:80:10.77.0.2 -A 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0' \
        -H 'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' -H 'Accept-Language: en-US,en;q=0.5' \
        -H 'Referer: http://www.weir.test/shop/' -H 'Cookie: session=6f1c2a9e4b7d4c0f8e35; theme=dark' \
        "$shop/" "$shop/site.css" "$shop/site.js" "$shop/logo.png" "$shop/view.png" "$shop/list.json?page=2&sort=price" >/dev/null
}

do_first() {
    in_client dig +tries=1 +time=2 @10.77.0.2 www.weir.test A >/dev/null || true
    get --resolve www.weir.test:80:10.77.0.2 http://www.weir.test/ http://www.weir.test/style.css
    in_client dig +tries=1 +time=2 @10.77.0.2 nothing.weir.test AAAA >/dev/null || true
    get --resolve www.weir.test:80:10.77.0.2 'http://www.weir.test/data.json?from=first'
    in_client ping -q -c 1 -W 2 10.77.0.2 >/dev/null || true
    in_client ping -q -c 1 -W 2 fd77::2 >/dev/null || true
}
