// SPDX-License-Identifier: Apache-2.0
// Requests as a server sees them, and answers of all kinds.
#include "outputs/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/thread.h"
#include "tests/unit/outputs/harness.h"

// A server that takes one request and gives the answer it was told.
struct server {
    int listener;
    char url[64];
    const char *answer; // NULL: none, for a while
    char request[1 << 16];
    size_t length;
    pthread_t thread;
    _Atomic bool release;
};

static struct server server;
static struct http_settings settings;
static struct http_client *client;
static struct http *http;
static struct http_answer answer;
static struct error why;

static bool request_is_whole(void)
{
    server.request[server.length] = 0;
    const char *end = strstr(server.request, "\r\n\r\n"),
               *length = strstr(server.request, "Content-Length: ");
    if (!end)
        return false;
    size_t body = length && length < end ? (size_t)atol(length + 16) : 0;
    return server.length >= (size_t)(end + 4 - server.request) + body;
}

static void *serve(void *unused)
{
    (void)unused;
    int fd = accept(server.listener, NULL, NULL);
    server.length = 0;
    while (!request_is_whole()) {
        ssize_t n =
            read(fd, server.request + server.length, sizeof server.request - 1 - server.length);
        if (n <= 0)
            break;
        server.length += (size_t)n;
    }
    while (!server.answer && !server.release)
        clock_sleep(MILLISECOND);
    if (server.answer && write(fd, server.answer, strlen(server.answer)) < 0)
        perror("write");
    close(fd);
    return NULL;
}

static int set_up(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    memset(&server, 0, sizeof server);
    server.listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server.listener, (struct sockaddr *)&address, len) || listen(server.listener, 4) ||
        getsockname(server.listener, (struct sockaddr *)&address, &len))
        return -1;
    snprintf(server.url, sizeof server.url, "http://127.0.0.1:%d/a/_bulk?x=1",
             ntohs(address.sin_port));
    settings = (struct http_settings){.timeout = 10 * SECOND,
                                      .connect_timeout = 5 * SECOND,
                                      .idle_timeout = 3 * SECOND,
                                      .proxy_disable = true,
                                      .tls = {.enabled = true}};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_close(http);
    http_client_close(client);
    http = NULL;
    client = NULL;
    close(server.listener);
    return 0;
}

static void connect_it(void)
{
    client = http_client_open(&settings, "weir", "9.9", &why);
    if (!client)
        fail_msg("%s", why.text);
    http = http_open(client);
    assert_non_null(http);
}

// One request with its body in two pieces.
static bool post(const char *says)
{
    struct span pieces[] = {SPAN("{\"create\":{}}\n"), SPAN("{\"a\":1}\n")};
    struct pieces body = {pieces, 2, pieces[0].len + pieces[1].len};
    struct http_request r = {
        .method = "POST", .url = server.url, .type = HTTP_NDJSON, .body = &body};
    server.answer = says;
    server.thread = thread_start("server", serve, NULL);
    bool answered = http_do(http, &r, &answer);
    server.release = true;
    thread_join(server.thread);
    return answered;
}

static const char fine[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

static bool has(const char *text)
{
    return strstr(server.request, text) != NULL;
}

static void a_request_is_as_it_should_be(void **state)
{
    (void)state;
    connect_it();
    assert_true(post(fine));
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.beginning, "{}");
    assert_memory_equal(server.request, "POST /a/_bulk?x=1 HTTP/1.1\r\n", 28);
    assert_true(has("\r\nContent-Type: application/x-ndjson\r\n"));
    assert_true(has("\r\nContent-Length: 22\r\n"));
    assert_true(has("\r\nUser-Agent: weir/9.9\r\n"));
    assert_true(has("\r\n\r\n{\"create\":{}}\n{\"a\":1}\n"));
    assert_false(has("Expect"));
    assert_false(has("Authorization"));
    assert_false(has("Content-Encoding"));
}

static void expect_secret(const char *line)
{
    connect_it();
    assert_true(post(fine));
    if (!has(line))
        fail_msg("no %s in %s", line, server.request);
}

static void a_user_is_known_by_basic(void **state)
{
    (void)state;
    settings.username = "u";
    settings.password = "p:w";
    expect_secret("\r\nAuthorization: Basic dTpwOnc=\r\n");
}

static void a_key_is_encoded(void **state)
{
    (void)state;
    settings.api_key = "id:key";
    expect_secret("\r\nAuthorization: ApiKey aWQ6a2V5\r\n");
}

static void an_encoded_key_stays(void **state)
{
    (void)state;
    settings.api_key = "aWQ6a2V5";
    expect_secret("\r\nAuthorization: ApiKey aWQ6a2V5\r\n");
}

static void a_token_file_is_read_again(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-token-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "one\n", 4), 4);
    settings.token_file = path;
    expect_secret("\r\nAuthorization: Bearer one\r\n");
    assert_int_equal(pwrite(fd, "two\n", 4, 0), 4);
    assert_true(post("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"));
    assert_true(post(fine));
    assert_true(has("\r\nAuthorization: Bearer two\r\n"));
    close(fd);
    unlink(path);
}

static void a_token_file_without_a_token_is_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-token-XXXXXX";
    int fd = mkstemp(path);
    settings.token_file = path;
    assert_null(http_client_open(&settings, "weir", "9.9", &why));
    assert_non_null(strstr(why.text, "token_file: "));
    assert_non_null(strstr(why.text, "it is empty"));
    close(fd);
    unlink(path);
    assert_null(http_client_open(&settings, "weir", "9.9", &why));
    assert_non_null(strstr(why.text, strerror(ENOENT)));
}

static void own_headers_come_last(void **state)
{
    (void)state;
    struct arena arena;
    assert_true(arena_init(&arena, 1 << 20));
    struct config *map = config_new(&arena);
    assert_true(
        config_read_text(map, span_text("{X-Own: '1', Host: me.example}"), "t", &arena, &why));
    settings.headers = map;
    connect_it();
    assert_true(post(fine));
    assert_true(has("\r\nX-Own: 1\r\n"));
    assert_true(has("\r\nHost: me.example\r\n"));
    arena_free(&arena);
}

static void answers_are_understood(void **state)
{
    (void)state;
    connect_it();
    assert_true(post("HTTP/1.1 429 Too\r\nRetry-After: 7\r\nX-elastic-product: Elasticsearch\r\n"
                     "Content-Type: application/json\r\nContent-Length: 3\r\n\r\nabc"));
    assert_int_equal(answer.status, 429);
    assert_int_equal(answer.pause, 7 * SECOND);
    assert_string_equal(answer.product, "Elasticsearch");
    http_explain(&answer, &why);
    assert_string_equal(why.text, "HTTP 429: the server has too much to do");

    assert_true(post("HTTP/1.1 302 Found\r\nLocation: https://b/\r\nContent-Length: 0\r\n\r\n"));
    http_explain(&answer, &why);
    assert_string_equal(why.text, "HTTP 302: the server is elsewhere: see hosts, protocol, path: "
                                  "https://b/");
    assert_true(post("HTTP/1.1 403 No\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"));
    http_explain(&answer, &why);
    assert_non_null(strstr(why.text, "probably a proxy's"));
}

static void no_answer_has_a_cause(void **state)
{
    (void)state;
    connect_it();
    assert_false(post("")); // closed without a word
    assert_true(answer.sent);
    assert_non_null(strstr(answer.why.text, "does it speak https"));
    assert_false(post("220 smtp.example ESMTP\r\n"));
    assert_true(answer.sent);
    assert_false(post("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"));
    assert_true(answer.sent);
    assert_int_equal(answer.status, 0);

    struct http_request r = {.method = "GET", .url = "http://127.0.0.1:1/", .type = HTTP_NO_BODY};
    assert_false(http_do(http, &r, &answer));
    assert_false(answer.sent);
    assert_non_null(strstr(answer.why.text, "see hosts"));
}

static void a_time_out_names_its_setting(void **state)
{
    (void)state;
    settings.timeout = 100 * MILLISECOND;
    connect_it();
    assert_false(post(NULL));
    assert_true(answer.sent);
    assert_non_null(strstr(answer.why.text, "see timeout"));
}

static void *stop_soon(void *unused)
{
    (void)unused;
    clock_sleep(50 * MILLISECOND);
    http_client_stop(client);
    return NULL;
}

static void a_stop_ends_the_request(void **state)
{
    (void)state;
    settings.timeout = settings.idle_timeout = 60 * SECOND;
    connect_it();
    pthread_t thread = thread_start("stop", stop_soon, NULL);
    int64_t begun = clock_steady();
    assert_false(post(NULL));
    assert_true(clock_steady() - begun < 30 * SECOND);
    assert_string_equal(answer.why.text, "the program stops");
    thread_join(thread);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_as_it_should_be),
        TEST(a_user_is_known_by_basic),
        TEST(a_key_is_encoded),
        TEST(an_encoded_key_stays),
        TEST(a_token_file_is_read_again),
        TEST(a_token_file_without_a_token_is_refused),
        TEST(own_headers_come_last),
        TEST(answers_are_understood),
        TEST(no_answer_has_a_cause),
        TEST(a_time_out_names_its_setting),
        TEST(a_stop_ends_the_request),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
