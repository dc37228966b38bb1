// SPDX-License-Identifier: Apache-2.0
// A client for tests/golden/record, of MariaDB's connector: what programs do with a server and the
// command line does not.
//
//   mysql_client talk|bench HOST PORT

#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static MYSQL *m;

static void check(int wrong, const char *what)
{
    if (!wrong)
        return;
    fprintf(stderr, "%s: %s\n", what, mysql_error(m));
    exit(1);
}

static void ask(const char *text)
{
    if (mysql_query(m, text))
        return; // errors are part of the talk
    do {
        MYSQL_RES *result = mysql_store_result(m);
        if (result)
            mysql_free_result(result);
    } while (mysql_next_result(m) == 0);
}

static MYSQL_STMT *prepare(const char *text)
{
    MYSQL_STMT *s = mysql_stmt_init(m);
    if (mysql_stmt_prepare(s, text, strlen(text)))
        fprintf(stderr, "%s: %s\n", text, mysql_stmt_error(s));
    return s;
}

static void run(MYSQL_STMT *s)
{
    check(mysql_stmt_execute(s), mysql_stmt_error(s));
    mysql_stmt_store_result(s);
    mysql_stmt_free_result(s);
}

static void insert_person(void)
{
    MYSQL_STMT *s = prepare(
        "insert into people (name, born, seen, height, weight, wage, small, night, photo) values "
        "(?, ?, ?, ?, ?, ?, ?, ?, ?)");
    MYSQL_TIME born = {.year = 1985, .month = 2, .day = 28, .time_type = MYSQL_TIMESTAMP_DATE};
    MYSQL_TIME seen = {2024, 12, 31, 23, 59, 58, 250000, 0, MYSQL_TIMESTAMP_DATETIME};
    MYSQL_TIME night = {0, 0, 0, 30, 1, 2, 0, 1, MYSQL_TIMESTAMP_TIME};
    float height = 1.75F;
    double weight = 71.125;
    signed char small = -5;
    char name[] = "Eve", wage[] = "99.90", null = 1;
    MYSQL_BIND b[9] = {
        {.buffer_type = MYSQL_TYPE_STRING, .buffer = name, .buffer_length = 3},
        {.buffer_type = MYSQL_TYPE_DATE, .buffer = &born},
        {.buffer_type = MYSQL_TYPE_DATETIME, .buffer = &seen},
        {.buffer_type = MYSQL_TYPE_FLOAT, .buffer = &height},
        {.buffer_type = MYSQL_TYPE_DOUBLE, .buffer = &weight},
        {.buffer_type = MYSQL_TYPE_NEWDECIMAL, .buffer = wage, .buffer_length = 5},
        {.buffer_type = MYSQL_TYPE_TINY, .buffer = &small},
        {.buffer_type = MYSQL_TYPE_TIME, .buffer = &night},
        {.buffer_type = MYSQL_TYPE_BLOB, .buffer = name, .long_data_used = 1},
    };
    check(mysql_stmt_bind_param(s, b), "bind");
    mysql_stmt_send_long_data(s, 8, "a photo in ", 11);
    mysql_stmt_send_long_data(s, 8, "two parts", 9);
    run(s);
    b[1].is_null = b[2].is_null = &null;
    b[8].is_null = &null;
    check(mysql_stmt_bind_param(s, b), "bind");
    run(s);
    run(s);
    mysql_stmt_close(s);
}

static void fetch_by_cursor(void)
{
    MYSQL_STMT *s = prepare("select id, c from numbers where id between ? and ?");
    unsigned long type = CURSOR_TYPE_READ_ONLY, rows = 4;
    unsigned low = 10, high = 20;
    MYSQL_BIND b[2] = {{.buffer_type = MYSQL_TYPE_LONG, .buffer = &low, .is_unsigned = 1},
                       {.buffer_type = MYSQL_TYPE_LONG, .buffer = &high, .is_unsigned = 1}};
    mysql_stmt_attr_set(s, STMT_ATTR_CURSOR_TYPE, &type);
    mysql_stmt_attr_set(s, STMT_ATTR_PREFETCH_ROWS, &rows);
    mysql_stmt_bind_param(s, b);
    check(mysql_stmt_execute(s), "cursor");
    while (mysql_stmt_fetch(s) == 0)
        ;
    mysql_stmt_reset(s);
    mysql_stmt_close(s);
}

// One packet that holds the values of several executions.
static void insert_in_bulk(void)
{
    MYSQL_STMT *s = prepare("insert into numbers values (?, ?)");
    unsigned rows = 3;
    int ids[] = {3001, 3002, 3003};
    char *texts[] = {"one", "two", "three"};
    unsigned long lengths[] = {3, 3, 5};
    MYSQL_BIND b[2] = {{.buffer_type = MYSQL_TYPE_LONG, .buffer = ids},
                       {.buffer_type = MYSQL_TYPE_STRING, .buffer = texts, .length = lengths}};
    mysql_stmt_attr_set(s, STMT_ATTR_ARRAY_SIZE, &rows);
    mysql_stmt_bind_param(s, b);
    check(mysql_stmt_execute(s), "bulk");
    mysql_stmt_close(s);
}

// Prepared and executed at once, before the number of the statement is known.
static void execute_directly(void)
{
    MYSQL_STMT *s = mysql_stmt_init(m);
    check(mariadb_stmt_execute_direct(s, "select 'direct'", 15), "direct");
    mysql_stmt_store_result(s);
    mysql_stmt_close(s);
}

static void read_all(void)
{
    MYSQL_STMT *s = prepare("select * from people order by id");
    run(s);
    mysql_stmt_close(s);
}

static void talk(void)
{
    ask("select 1; insert into numbers values (2500, 'x'); select 2; select wrong");
    insert_person();
    read_all();
    fetch_by_cursor();
    insert_in_bulk();
    execute_directly();
    ask("call two()");
    prepare("select broken from");
    mysql_ping(m);
    mysql_select_db(m, "mysql");
    mysql_select_db(m, "shop");
    mysql_stat(m);
    mysql_free_result(mysql_list_fields(m, "people", NULL));
    mysql_set_server_option(m, MYSQL_OPTION_MULTI_STATEMENTS_OFF);
    ask("select 1; select 2");
    mysql_change_user(m, "bob", "quiet", "shop");
    ask("select current_user()");
    mysql_reset_connection(m);
    ask("set session sql_mode = 'ANSI', @@session.session_track_schema = 1");
    ask("use mysql");
    mysql_kill(m, 999999);
}

static void bench(void)
{
    MYSQL_STMT *s = prepare("SELECT c FROM numbers WHERE id=?");
    for (int i = 1; i <= 25; i++) {
        char text[64];
        snprintf(text, sizeof text, "SELECT c FROM numbers WHERE id=%d", i * 37);
        ask(text);
        int id = i * 31;
        MYSQL_BIND b = {.buffer_type = MYSQL_TYPE_LONG, .buffer = &id};
        mysql_stmt_bind_param(s, &b);
        run(s);
    }
    mysql_stmt_close(s);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    m = mysql_init(NULL);
    my_bool no = 0;
    mysql_optionsv(m, MYSQL_OPT_SSL_ENFORCE, &no);
    mysql_optionsv(m, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "weir recording");
    check(!mysql_real_connect(m, argv[2], "ann", "hush", "shop", (unsigned)atoi(argv[3]), NULL,
                              CLIENT_MULTI_STATEMENTS),
          "connect");
    if (!strcmp(argv[1], "bench"))
        bench();
    else
        talk();
    mysql_close(m);
    return 0;
}
