# MariaDB and its clients for tests/golden/record, on port 3306, and on 3307 a scripted server of ours that speaks what only MySQL does
# (mysql_script.py). The client of MariaDB's own protocol features is mysql_client.c, made here. Users: ann proves who she is by
# mysql_native_password, bob by ed25519, so that plugins are switched.

sql_() { in_server mariadb --no-defaults -S "$work/mysql/socket" -u root "$@"; }
maria() { in_client mariadb --no-defaults --skip-ssl --host 10.77.0.2 --user ann --password=hush shop "$@"; }

start_mysql() {
    local dir=$work/mysql
    chmod 755 "$work"
    install -d -o mysql -g mysql "$dir"
    mariadb-install-db --no-defaults --user=mysql --datadir="$dir/data" --auth-root-authentication-method=normal \
        --skip-test-db >"$dir/install.log" 2>&1
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=db.weir.test -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null
    chown mysql "$dir"/*.pem
    serve mariadbd --no-defaults --user=mysql --datadir="$dir/data" --socket="$dir/socket" --pid-file="$dir/pid" \
        --bind-address='*' --port=3306 --skip-name-resolve --innodb-flush-log-at-trx-commit=0 --max-allowed-packet=64M \
        --log-bin="$dir/bin" --server-id=1 --local-infile=1 --ssl-cert="$dir/cert.pem" --ssl-key="$dir/key.pem" \
        --plugin-load-add=auth_ed25519 >"$dir/log" 2>&1
    wait_port 3306
    for _ in $(seq 100); do sql_ -e 'select 1' >/dev/null 2>&1 && break || sleep 0.1; done
    sql_ <<'SQL'
create database shop character set utf8mb4;
create user ann identified by 'hush';
create user bob identified via ed25519 using password('quiet');
grant all on *.* to ann;
grant all on shop.* to bob;
use shop
create table people (id int unsigned auto_increment primary key, name varchar(40), born date, seen datetime(6), height float,
    weight double, wage decimal(10,2), small tinyint, night time, photo blob);
insert into people (name, born, seen, height, weight, wage, small, night, photo) values
    ('Ann', '1990-01-02', '2024-05-06 07:08:09.123456', 1.5, 60.25, 1234.50, -1, '-01:02:03', x'00ff'),
    ('Bob, "B"', null, null, null, null, null, null, null, 'two
lines');
create table numbers (id int primary key, c char(60));
insert into numbers select seq, concat('row ', seq, ' ', repeat('x', 40)) from seq_1_to_1000;
delimiter //
create procedure two() begin select 1 as one; select name from people; end//
SQL
    cc -O1 -o "$work/mysql_client" "$here/servers/mysql_client.c" $(mariadb_config --include --libs)
    serve python3 "$here/servers/mysql_script.py" serve 3307
    wait_port 3307
}

# The command line: texts, errors, several results, files, compression, TLS, log-ins that fail.
do_mysql_mariadb() {
    printf '3,Cid\n4,Dee\n' >"$work/people.csv"
    maria -e 'select id, name, born from people; select * from people where id = 2; insert into numbers values (2000, "new")' >/dev/null
    maria -e 'update numbers set c = "changed" where id < 4; delete from numbers where id = 2000; show warnings; select nothing' >/dev/null 2>&1 || true
    maria --local-infile=1 -e "load data local infile '$work/people.csv' into table people fields terminated by ',' (id, name)"
    maria -e 'call two(); prepare p from "select ? + 1"; set @a = 4; execute p using @a; create user cid identified by "secret word"' >/dev/null
    maria --compress -e 'select id, c from numbers where id <= 40' >/dev/null
    maria -e 'start transaction; select count(*) from numbers n join people p on n.id = p.id; commit' >/dev/null
    maria --ssl -e 'select 1' >/dev/null
    in_client mariadb --no-defaults --skip-ssl -h fd77::2 -u bob -pquiet -e 'select current_user()' shop >/dev/null
    in_client mariadb --no-defaults --skip-ssl -h 10.77.0.2 -u bob -pwrong -e 'select 1' >/dev/null 2>&1 || true
    in_client mariadb-admin --no-defaults --skip-ssl -h 10.77.0.2 -u ann -phush ping status processlist >/dev/null
}

# Prepared statements and what else only programs do.
do_mysql_prepared() { in_client "$work/mysql_client" talk 10.77.0.2 3306; }

# MySQL 8 and 9: our client of them and our server.
do_mysql_script() { in_client python3 "$here/servers/mysql_script.py" ask 10.77.0.2 3307; }

# A replica that follows the log for a moment.
do_mysql_replication() {
    in_client timeout 2 mariadb-binlog --no-defaults --skip-ssl --read-from-remote-server --stop-never --host 10.77.0.2 --user ann --password=hush \
        bin.000001 >/dev/null 2>&1 || true
}

# One connection that asks for single rows by their keys, in texts and prepared.
do_bench_mysql() { in_client "$work/mysql_client" bench 10.77.0.2 3306; }
