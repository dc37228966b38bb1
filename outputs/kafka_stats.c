// SPDX-License-Identifier: Apache-2.0
// By a tree: a document of some hundred kilobytes at most, every half minute.
#include "outputs/kafka_stats.h"

#include <yajl/yajl_tree.h>

static int64_t number(yajl_val node, const char *name, const char *inner)
{
    const char *path[] = {name, inner, NULL};
    yajl_val found = yajl_tree_get(node, path, yajl_t_number);
    return found && YAJL_IS_INTEGER(found) ? YAJL_GET_INTEGER(found) : 0;
}

static void raise_to(int64_t *most, int64_t number)
{
    *most = number > *most ? number : *most;
}

static void add_broker(struct kafka_stats *s, yajl_val broker)
{
    static const char *path[] = {"state", NULL};
    const char *state = YAJL_GET_STRING(yajl_tree_get(broker, path, yajl_t_string));
    if (number(broker, "nodeid", NULL) < 0) // a name that was given, or the coordinator
        return;
    s->brokers++;
    s->brokers_up += state && !strcmp(state, "UP");
    s->request_errors += number(broker, "txerrs", NULL);
    s->request_retries += number(broker, "txretries", NULL);
    s->request_timeouts += number(broker, "req_timeouts", NULL);
    raise_to(&s->rtt_p99_us, number(broker, "rtt", "p99"));
    raise_to(&s->throttle_ms, number(broker, "throttle", "max"));
}

bool kafka_stats_read(const char *json, struct kafka_stats *s)
{
    static const char *path[] = {"brokers", NULL};
    yajl_val root = yajl_tree_parse(json, NULL, 0);
    *s = (struct kafka_stats){.messages_waiting = 0};
    if (!root)
        return false;
    s->messages_waiting = number(root, "msg_cnt", NULL);
    s->bytes_waiting = number(root, "msg_size", NULL);
    s->messages_sent = number(root, "txmsgs", NULL);
    s->bytes_sent = number(root, "tx_bytes", NULL);
    s->requests = number(root, "tx", NULL);
    yajl_val brokers = yajl_tree_get(root, path, yajl_t_object);
    for (size_t i = 0; brokers && i < YAJL_GET_OBJECT(brokers)->len; i++)
        add_broker(s, YAJL_GET_OBJECT(brokers)->values[i]);
    yajl_tree_free(root);
    return true;
}

void kafka_stats_write(const struct kafka_stats *s, struct pen *pen)
{
    const struct {
        struct span name;
        int64_t number;
    } rows[] = {
        {SPAN("messages_waiting"), s->messages_waiting},
        {SPAN("bytes_waiting"), s->bytes_waiting},
        {SPAN("messages_sent"), s->messages_sent},
        {SPAN("bytes_sent"), s->bytes_sent},
        {SPAN("requests"), s->requests},
        {SPAN("brokers"), s->brokers},
        {SPAN("brokers_up"), s->brokers_up},
        {SPAN("request_errors"), s->request_errors},
        {SPAN("request_retries"), s->request_retries},
        {SPAN("request_timeouts"), s->request_timeouts},
        {SPAN("rtt_p99_us"), s->rtt_p99_us},
        {SPAN("throttle_ms"), s->throttle_ms},
    };
    pen_raw(pen, (struct span)SPAN("\"kafka\":{"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (i)
            pen_byte(pen, ',');
        pen_text(pen, rows[i].name);
        pen_byte(pen, ':');
        pen_signed(pen, rows[i].number);
    }
    pen_byte(pen, '}');
}
