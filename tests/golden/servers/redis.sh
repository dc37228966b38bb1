# Redis servers and their clients for tests/golden/record: one on port 6379, a replica of it on 6380.

start_redis() {
    mkdir -p "$work/redis" "$work/replica"
    serve redis-server --bind '* -::*' --port 6379 --protected-mode no --save '' --dir "$work/redis" --enable-debug-command yes \
        --repl-diskless-sync-delay 0 >/dev/null
    wait_port 6379
}

redis_says() { in_client timeout 5 redis-cli -h 10.77.0.2 "$@" >/dev/null 2>&1 </dev/null || true; }

do_redis_cli() {
    redis_says FLUSHALL
    redis_says SET greeting 'hello, wörld'
    redis_says GET greeting
    redis_says -3 CONFIG GET maxmemory
    redis_says -r 3 INCR a
    redis_says LPUSH l x y z
    printf 'SET p%d v\r\n' $(seq 30) | in_client timeout 5 redis-cli -h 10.77.0.2 --pipe >/dev/null 2>&1 || true
    redis_says -h fd77::2 DBSIZE
    redis_says -n 2 GET nothing
    in_client timeout 5 redis-benchmark -h 10.77.0.2 -q -n 16 -c 2 -P 8 -t set,get,incr >/dev/null 2>&1 || true
}

do_redis_kinds() { in_client python3 "$here/servers/redis.py" 10.77.0.2 6379 kinds=2 kinds=3 secrets; }

do_redis_pipelined() { in_client python3 "$here/servers/redis.py" 10.77.0.2 6379 pipelines; }

do_redis_channels() { in_client python3 "$here/servers/redis.py" 10.77.0.2 6379 channels=2 channels=3 monitor; }

# A replica on the client's side of the wire: a snapshot with a length, and one that ends with a mark.
do_redis_replica() {
    local how pid
    for how in no yes; do
        redis_says CONFIG SET repl-diskless-sync "$how"
        ip netns exec "$client" redis-server --port 6390 --save '' --dir "$work/replica" --replicaof 10.77.0.2 6379 >/dev/null &
        pid=$!
        sleep 2.5
        redis_says SET replicated "$how"
        sleep 0.3
        kill "$pid"
        wait "$pid" || true
        rm -f "$work/replica"/*
    done
}

do_bench_redis() { in_client python3 "$here/servers/redis.py" 10.77.0.2 6379 bench; }
