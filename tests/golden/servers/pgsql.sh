# PostgreSQL and its clients for tests/golden/record: a cluster of its own on port 5432, without TLS until a recording wants it. Users:
# ann proves who she is by SCRAM, bob by MD5, cat by a password in the clear, all others are believed.

pg() { setpriv --reuid postgres --regid postgres --clear-groups env PATH="$pg_bin:$PATH" HOME="$work/pg" "$@"; }
pg_sql() { in_server psql -q -X -h "$work/pg" -U postgres "$@"; }

start_pgsql() {
    pg_bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
    chmod 755 "$work"
    install -d -o postgres -g postgres "$work/pg"
    pg initdb -D "$work/pg/data" -U postgres -E UTF8 --locale=C.UTF-8 -A trust >"$work/pg.log"
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=db.weir.test -keyout "$work/pg/data/server.key" \
        -out "$work/pg/data/server.crt" 2>/dev/null
    chown postgres "$work/pg/data"/server.*
    chmod 600 "$work/pg/data/server.key"
    cat >"$work/pg/data/pg_hba.conf" <<EOF
local all all trust
host replication all all trust
host all ann all scram-sha-256
host all bob all md5
host all cat all password
host all all all trust
EOF
    cat >>"$work/pg/data/postgresql.conf" <<EOF
listen_addresses = '*'
unix_socket_directories = '$work/pg'
wal_level = logical
max_wal_senders = 4
fsync = off
autovacuum = off
EOF
    serve setpriv --reuid postgres --regid postgres --clear-groups "$pg_bin/postgres" -D "$work/pg/data" >>"$work/pg.log" 2>&1
    wait_port 5432
    for _ in $(seq 50); do pg_sql -c 'select 1' >/dev/null 2>&1 && break || sleep 0.1; done
    pg_sql <<EOF >/dev/null
create role dan login;
create role ann login password 'correct horse';
set password_encryption = md5;
create role bob login password 'battery';
create role cat login password 'staple';
create database shop owner dan;
EOF
    pg_sql -d shop <<EOF >/dev/null
create table item(id int primary key, name text, price numeric(8,2), made date);
insert into item values (1, 'bolt', 0.05, '2024-02-29'), (2, 'nut', null, '1999-12-31'), (3, 'a "big", red one', 1234.5, null);
insert into item select i, 'item ' || i, i / 8.0, date '2020-01-01' + i from generate_series(4, 40) i;
grant all on all tables in schema public to public;
grant all on schema public to public;
EOF
    in_server setpriv --reuid postgres --regid postgres --clear-groups "$pg_bin/pgbench" -q -i -s 1 -h "$work/pg" -U postgres shop >>"$work/pg.log" 2>&1
    pg_sql -d shop -c 'grant all on all tables in schema public to public'
}

psql_as() { # user option…
    local user=$1
    shift
    in_client env PGAPPNAME="golden $user" PGCONNECT_TIMEOUT=5 psql -X -h 10.77.0.2 -U "$user" -d shop "$@" >/dev/null 2>&1 || true
}

do_pgsql_psql() {
    export PGSSLMODE=disable
    psql_as dan -c 'select * from item order by id' -c 'select 1; select 2 as two; ;' -c "select ';', \$\$;\$\$ -- ; nothing
        as b /* ; */; select name from item where name = 'it''s' or id = 2"
    psql_as dan -c 'drop table if exists nowhere; create table note(id int primary key, text text)' \
        -c "insert into note values (1, 'one'), (2, 'two')" -c "insert into note values (1, 'again')" \
        -c "update note set text = 'all'; delete from note; select count(*) from note" \
        -c 'select 1; select 1/0; select 3' -c 'select nothing from nowhere' -c '' -c ';' -c '-- nothing at all' \
        -c "do \$\$ begin raise notice 'look; here'; raise warning 'and there'; end \$\$" \
        -c "create role eve login password 'hidden secret'; drop role eve"
    psql_as dan <<'EOF'
begin;
copy note from stdin;
1	first
2	\N
\.
copy note to stdout;
copy item (id, name) from stdin csv;
1,twice
\.
rollback;
declare c cursor for select * from item;
listen news;
notify news, 'something; new';
select pg_sleep(0);
prepare p as select name from item where id = $1;
execute p(2);
set application_name = 'another name';
select generate_series(1, 25);
alter role dan password 'new secret';
EOF
    PGPASSWORD='correct horse' psql_as ann -c 'select current_user'
    PGPASSWORD=battery psql_as bob -c 'select current_user'
    PGPASSWORD=staple psql_as cat -c 'select current_user'
    PGPASSWORD=wrong psql_as ann -c 'select current_user'
    psql_as nobody -c 'select current_user'
    PGSSLMODE=prefer psql_as dan -c "select 'no encryption'"
    psql_as dan -c "set statement_timeout = '50ms'" -c 'select pg_sleep(2)'
    in_client timeout -s INT 0.7 psql -X -h 10.77.0.2 -U dan -d shop -c 'select pg_sleep(5)' >/dev/null 2>&1 || true
    psql_as dan -c 'select pg_terminate_backend(pg_backend_pid())'
    pg_sql -c 'alter system set ssl = on' -c 'select pg_reload_conf()' >/dev/null
    sleep 0.5
    PGSSLMODE=require psql_as dan -c "select 'nobody sees this'"
    pg_sql -c 'alter system reset ssl' -c 'select pg_reload_conf()' >/dev/null
    sleep 0.5
    psql_as dan -h fd77::2 -c "select 'over IPv6'"
}

do_pgsql_drivers() {
    in_client /usr/bin/python3 "$here/servers/pgsql.py" 10.77.0.2
}

do_pgsql_replication() {
    in_client timeout 2 "$pg_bin/pg_recvlogical" -d 'host=10.77.0.2 user=postgres dbname=shop sslmode=disable' --create-slot --slot golden \
        --start -f "$work/wal" >/dev/null 2>&1 || true
    in_client timeout 20 "$pg_bin/pg_recvlogical" -d 'host=10.77.0.2 user=postgres dbname=shop sslmode=disable' --drop-slot --slot golden || true
}

# The three ways in which pgbench can ask.
pgbench_as() { # mode transactions script
    in_client env PGSSLMODE=disable "$pg_bin/pgbench" -n -h 10.77.0.2 -U dan -M "$1" -t "$2" "${@:3}" shop >/dev/null 2>&1
}

do_pgsql_pgbench() {
    for mode in simple extended prepared; do pgbench_as $mode 3; done
    printf '%s\n' '\startpipeline' 'select abalance from pgbench_accounts where aid = 1;' 'select 1;' 'select 2;' '\endpipeline' >"$work/pipeline.sql"
    pgbench_as extended 2 -f "$work/pipeline.sql"
}

do_bench_pgsql() {
    for mode in simple extended prepared; do pgbench_as $mode 8; done
}
