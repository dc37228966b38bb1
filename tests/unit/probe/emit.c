// SPDX-License-Identifier: Apache-2.0
// Documents: what each has of the configuration and of its transaction, what follows from that, who
// keeps it from being written, and that every one is counted once.

#include "tests/unit/probe/world.h"

static const char *document(int index)
{
    if (index >= world.count)
        fail_msg("there are %d documents", world.count);
    return world.documents[index];
}

static void assert_has(int index, const char *text)
{
    if (!strstr(document(index), text))
        fail_msg("document %d lacks %s: %s", index, text, document(index));
}

static void assert_lacks(int index, const char *text)
{
    if (strstr(document(index), text))
        fail_msg("document %d has %s: %s", index, text, document(index));
}

static void flush(void)
{
    emit_flush(world.emit, true);
}

// An empty document of `talk` is written.
static void write_one(void)
{
    if (!world.emit)
        world_start();
    emit_begin(world.emit, 0, START);
    emit_finish(world.emit);
}

static void begin_exchange(void)
{
    world_open(&talk);
    world_feed(CLIENT, "x");
}

// A question of 10 bytes at 0 to 1 s and an answer of 20 at 2 to 3 s, as far as the test has not
// changed it.
static struct transaction *exchange(void)
{
    begin_exchange();
    struct transaction *t = transaction_open(world.conn, 1);
    transaction_saw(t, CLIENT, START, START + SECOND, 10);
    transaction_saw(t, SERVER, START + 2 * SECOND, START + 3 * SECOND, 20);
    return t;
}

static void finish(struct transaction *t)
{
    transaction_asked(t);
    transaction_answered(t);
    flush();
}

// ── what each has ──

static void constants(void **state)
{
    (void)state;
    write_one();
    flush();
    assert_string_equal(
        document(0),
        "{\"@metadata\":{\"beat\":\"weir\",\"type\":\"_doc\",\"version\":\"0\"},"
        "\"@timestamp\":\"2023-11-14T22:13:20.000Z\","
        "\"agent\":{\"ephemeral_id\":\"ephemeral\",\"id\":\"id\",\"name\":\"probe\","
        "\"type\":\"weir\",\"version\":\"0\"},\"ecs\":{\"version\":\"8\"},"
        "\"event\":{\"category\":[\"network\"],\"dataset\":\"talk\",\"kind\":\"event\","
        "\"type\":[\"connection\",\"protocol\"]},\"host\":{\"name\":\"probe\"},"
        "\"network\":{\"protocol\":\"talk\"},\"type\":\"talk\"}");
}

static void datasets_do_not_mix(void **state)
{
    (void)state;
    world.own = "{tags: [a], fields: {x: 1}}";
    world_start();
    for (int i = 0; i < WORLD_PROTOCOLS; i++) {
        emit_begin(world.emit, i, START);
        emit_finish(world.emit);
    }
    flush();
    assert_has(0, "\"tags\":[\"a\"]");
    assert_has(1, "\"dataset\":\"deaf\"");
    assert_lacks(1, "tags");
    assert_lacks(1, "fields");
    assert_has(2, "\"type\":\"guest\"}");
}

static void nanoseconds(struct emit_setup *setup)
{
    setup->digits = 9;
}

static void digits_of_times(void **state)
{
    (void)state;
    world.adjust = nanoseconds;
    world_start();
    emit_begin(world.emit, 0, START + 1);
    emit_finish(world.emit);
    flush();
    assert_has(0, "\"@timestamp\":\"2023-11-14T22:13:20.000000001Z\"");
}

static void tags_of_all_come_first(void **state)
{
    (void)state;
    world.all = "tags: one";
    world.own = "tags: [two, three]";
    write_one();
    flush();
    assert_has(0, "\"tags\":[\"one\",\"two\",\"three\"]");
}

static void fields_have_types(void **state)
{
    (void)state;
    world.all = "fields: {a: {b: 1, c: -2.5, d: true, e: '1', f: text, g: null}, list: [1, x], h: "
                "{i: {j: 3}}}";
    write_one();
    flush();
    assert_has(0, "\"fields\":{\"a\":{\"b\":1,\"c\":-2.5,\"d\":true,\"e\":\"1\",\"f\":\"text\"},"
                  "\"h\":{\"i\":{\"j\":3}},\"list\":[1,\"x\"]}");
}

static void fields_under_root(void **state)
{
    (void)state;
    world.all = "{fields: {site: a, labels: {x: 1}}, fields_under_root: true}";
    world.own = "{fields: {site: b, event.kind: alert, nothing: null}, keep_null: true, "
                "fields_under_root: true}";
    write_one();
    flush();
    assert_has(0, "\"labels\":{\"x\":1}");
    assert_has(0, "\"site\":\"b\""); // a dataset's own win
    assert_has(0, "\"kind\":\"alert\"");
    assert_has(0, "\"nothing\":null");
    assert_lacks(0, "\"fields\"");
}

static void own_fields_lie_beside_those_of_all(void **state)
{
    (void)state;
    world.all = "fields: {a: 1, b: 2}";
    world.own = "fields: {b: 3, c: 4}";
    write_one();
    flush();
    assert_has(0, "\"fields\":{\"a\":1,\"b\":3,\"c\":4}");
}

static void refused(const char *all, const char *expected)
{
    world.all = all;
    assert_null(world_plan());
    assert_string_equal(world.why.text, expected);
}

static void fields_that_cannot_be(void **state)
{
    (void)state;
    refused("fields: 1", "test:1: fields: expected a map of names and values");
    refused("{fields_under_root: true, fields: {\n source: 1}}",
            "test:2: source is an object in the documents and cannot be a value");
    refused("processors: [{nonsense: {}}]", world.why.text);
    assert_non_null(strstr(world.why.text, "test:1: "));
}

static void fields_of_nothing(void **state)
{
    (void)state;
    world.all = "fields:";
    world.own = "{fields: {}, tags: []}";
    write_one();
    flush();
    assert_lacks(0, "fields");
    assert_lacks(0, "tags");
}

static void too_many_fields(void **state)
{
    (void)state;
    static char yaml[16 * 1024] = "fields: {";
    for (int i = 0; i < 1100; i++)
        sprintf(yaml + strlen(yaml), "f%d: 1, ", i);
    world.all = strcat(yaml, "}");
    assert_null(world_plan());
    assert_non_null(strstr(world.why.text, "more than 1024 fields and tags"));
}

static void names_of_a_configuration(void **state)
{
    (void)state;
    const char **names;
    world_read("{fields: {a: {b: 1}, c: 2}, processors: [{add_tags: {tags: [x], target: t}}]}",
               &world.settings);
    world.own = "{fields: {d: 1}, fields_under_root: true}";
    world_bind();
    int count = emit_extra_names(&world.settings, world.dataset, 1, &names, &world.arena);
    assert_int_equal(count, 4);
    assert_string_equal(names[0], "fields.a.b");
    assert_string_equal(names[1], "fields.c");
    assert_string_equal(names[2], "t");
    assert_string_equal(names[3], "d");
}

// ── what a transaction says ──

static void an_exchange(void **state)
{
    (void)state;
    finish(exchange());
    assert_has(0, "\"@timestamp\":\"2023-11-14T22:13:20.000Z\"");
    assert_has(0, "\"start\":\"2023-11-14T22:13:20.000Z\"");
    assert_has(0, "\"end\":\"2023-11-14T22:13:23.000Z\"");
    assert_has(0, "\"duration\":3000000000");
    assert_has(0, "\"source\":{\"bytes\":10,\"ip\":\"10.0.0.1\",\"port\":");
    assert_has(0, "\"client\":{\"bytes\":10,\"ip\":\"10.0.0.1\",\"port\":");
    assert_has(0, "\"destination\":{\"bytes\":20,\"ip\":\"10.0.0.2\",\"port\":80}");
    assert_has(0, "\"server\":{\"bytes\":20,\"ip\":\"10.0.0.2\",\"port\":80}");
    assert_has(0, "\"network\":{\"bytes\":30,\"community_id\":\"1:");
    assert_has(0, "\"direction\":\"unknown\",\"protocol\":\"talk\",\"transport\":\"tcp\","
                  "\"type\":\"ipv4\"");
    assert_has(0, "\"related\":{\"ip\":[\"10.0.0.1\",\"10.0.0.2\"]}");
    assert_has(0, "\"status\":\"OK\"");
    assert_lacks(0, "\"error\"");
}

// The reference ends an exchange with the first byte of the answer.
static void an_exchange_under_compat(void **state)
{
    (void)state;
    world.compat = true;
    finish(exchange());
    assert_has(0, "\"end\":\"2023-11-14T22:13:22.000Z\"");
    assert_has(0, "\"duration\":2000000000");
}

static void turned_by_who_asked(void **state)
{
    (void)state;
    struct transaction *t = exchange();
    t->turned = true;
    finish(t);
    assert_has(0, "\"source\":{\"bytes\":10,\"ip\":\"10.0.0.2\",\"port\":80}");
    assert_has(0, "\"client\":{\"bytes\":10,\"ip\":\"10.0.0.2\",\"port\":80}");
    assert_has(0, "\"destination\":{\"bytes\":20,\"ip\":\"10.0.0.1\"");
    assert_has(0, "\"related\":{\"ip\":[\"10.0.0.2\",\"10.0.0.1\"]}");
}

static void a_lone_question(void **state)
{
    (void)state;
    begin_exchange();
    struct transaction *t = transaction_open(world.conn, 1);
    transaction_saw(t, CLIENT, START, START, 10);
    transaction_asked(t);
    transaction_end(t);
    flush();
    assert_has(0, "\"status\":\"Error\"");
    assert_has(0, "\"start\"");
    assert_has(0, "\"network\":{\"bytes\":10,");
    assert_lacks(0, "\"end\"");
    assert_lacks(0, "\"duration\"");
    assert_lacks(0, "\"destination\":{\"bytes\"");
}

static void a_lone_answer(void **state)
{
    (void)state;
    begin_exchange();
    struct transaction *t = transaction_unasked(world.conn, 1);
    transaction_saw(t, SERVER, START + 2 * SECOND, START + 3 * SECOND, 20);
    transaction_answered(t);
    flush();
    assert_has(0, "\"@timestamp\":\"2023-11-14T22:13:22.000Z\"");
    assert_has(0, "\"status\":\"Error\"");
    assert_lacks(0, "\"start\"");
    assert_lacks(0, "\"duration\"");
}

static void answers_that_came_before(void **state)
{
    (void)state;
    begin_exchange();
    struct transaction *t = transaction_open(world.conn, 1);
    transaction_saw(t, SERVER, START - SECOND, START - SECOND, 0);
    transaction_saw(t, CLIENT, START, START, 0);
    finish(t);
    assert_lacks(0, "\"duration\"");
    assert_lacks(0, "\"bytes\""); // none were counted
}

static void at_once(void **state)
{
    (void)state;
    begin_exchange();
    struct transaction *t = transaction_open(world.conn, 1);
    transaction_saw(t, CLIENT, START, START, 1);
    transaction_saw(t, SERVER, START, START, 1);
    finish(t);
    assert_has(0, "\"duration\":0");
}

static void notes(void **state)
{
    (void)state;
    struct transaction *t = exchange();
    transaction_note(t, text("one"));
    finish(t);
    conn_end(world.conn, ENDED_FIN);
    t = exchange();
    transaction_note(t, text("one"));
    transaction_note(t, text("two"));
    finish(t);
    assert_has(0, "\"error\":{\"message\":\"one\"}");
    assert_has(1, "\"error\":{\"message\":[\"one\",\"two\"]}");
}

static bool say_more(const struct conn *c, const struct transaction *t, struct event *e)
{
    (void)c, (void)t;
    event_text(e, F_SOURCE_DOMAIN, text("asker"));
    event_text(e, F_DESTINATION_DOMAIN, text("answerer"));
    event_text(e, F_CLIENT_DOMAIN, text("somebody"));
    event_text(e, F_STATUS, text("Maybe"));
    event_number(e, F_DESTINATION_BYTES, 200);
    event_number(e, F_EVENT_DURATION, 7);
    event_add_new(e, F_ERROR_MESSAGE, value_text(text("odd")));
    event_add_new(e, F_RELATED_IP, value_ip((const uint8_t[]){10, 0, 0, 2}, 4));
    event_number(e, WORLD_ADDED, 1);
    return true;
}

static void what_the_protocol_says_wins(void **state)
{
    (void)state;
    world.play.publish = say_more;
    finish(exchange());
    assert_has(0, "\"source\":{\"bytes\":10,\"domain\":\"asker\"");
    assert_has(0, "\"client\":{\"bytes\":10,\"domain\":\"somebody\"");
    assert_has(0, "\"server\":{\"bytes\":200,\"domain\":\"answerer\"");
    assert_has(0, "\"network\":{\"bytes\":210");
    assert_has(0, "\"duration\":7");
    assert_has(0, "\"status\":\"Maybe\"");
    assert_has(0, "\"error\":{\"message\":\"odd\"}");
    assert_has(0, "\"related\":{\"ip\":[\"10.0.0.1\",\"10.0.0.2\"]}");
    assert_has(0, "\"added\":1");
}

static void the_reference_lacks_what_was_added(void **state)
{
    (void)state;
    world.compat = true;
    world.play.publish = say_more;
    finish(exchange());
    assert_lacks(0, "\"added\"");
}

static void datagrams_name_their_transport(void **state)
{
    (void)state;
    world_open_at(&world.conn, &talk, PROTO_UDP);
    finish(transaction_open(world.conn, 1));
    assert_has(0, "\"transport\":\"udp\"");
}

// ── where they go ──

static void with_networks(struct emit_setup *setup)
{
    (void)setup;
    const char *const client[] = {"10.0.0.1/32"};
    world.documents_limits.internal = networks_read(client, 1, &world.arena, NULL);
    assert_non_null(world.documents_limits.internal);
}

static void with_own_address(struct emit_setup *setup)
{
    const char *const client[] = {"10.0.0.1/32"};
    setup->own = networks_read(client, 1, &world.arena, NULL);
    setup->ignore_outgoing = true;
}

static void direction_by_networks(void **state)
{
    (void)state;
    world.adjust = with_networks;
    struct transaction *t = exchange();
    finish(t);
    conn_end(world.conn, ENDED_FIN);
    t = exchange();
    t->turned = true;
    finish(t);
    assert_has(0, "\"direction\":\"outbound\"");
    assert_has(1, "\"direction\":\"inbound\"");
}

static void outgoing_ones_are_ignored(void **state)
{
    (void)state;
    world.adjust = with_own_address;
    struct transaction *t = exchange();
    finish(t);
    assert_int_equal(world.count, 0);
    assert_counted(events_filtered, 1);
    conn_end(world.conn, ENDED_FIN);
    t = exchange();
    t->turned = true;
    finish(t);
    assert_has(0, "\"direction\":\"ingress\"");
    write_one(); // a flow record has no such direction
    flush();
    assert_int_equal(world.count, 2);
}

static void index_of_a_dataset(void **state)
{
    (void)state;
    world.own = "index: 'talk-%{[type]}-%{+yyyy.MM.dd}'";
    write_one();
    flush();
    assert_has(0, "{\"@metadata\":{\"beat\":\"weir\",\"raw_index\":\"talk-talk-2023.11.14\",");
}

static void index_with_a_missing_field(void **state)
{
    (void)state;
    world.own = "index: 'talk-%{[method]}'";
    write_one();
    flush();
    assert_lacks(0, "raw_index");
}

static void an_index_that_cannot_be(void **state)
{
    (void)state;
    world.own = "index: 'talk-%{[type'";
    assert_null(world_plan());
    assert_true(world.why.text[0]);
}

// ── processors ──

static void own_processors_run_first(void **state)
{
    (void)state;
    world.all = "processors: [{add_tags: {tags: [all]}}]";
    world.own = "processors: [{add_tags: {tags: [own]}}]";
    write_one();
    flush();
    assert_has(0, "\"tags\":[\"own\",\"all\"]");
}

static void who_is_dropped_is_counted(void **state)
{
    (void)state;
    world.all = "processors: [{drop_event: {when: {equals: {type: talk}}}}]";
    write_one();
    emit_begin(world.emit, 1, START);
    emit_finish(world.emit);
    flush();
    assert_int_equal(world.count, 1);
    assert_counted(events_made, 2);
    assert_counted(events_filtered, 1);
    assert_counted(events_written, 1);
}

// ── batches ──

static void full_batches_go_on_their_own(void **state)
{
    (void)state;
    world_start();
    for (int i = 0; i < 5000; i++)
        write_one();
    assert_true(world.count > 1000 && world.count < 5000);
    flush();
    assert_int_equal(world.count, 5000);
    uint64_t bytes = 0;
    for (int i = 0; i < world.count; i++)
        bytes += strlen(world.documents[i]) + 1;
    assert_counted(events_bytes, bytes);
}

static char much[BATCH_SIZE + 100];

static void write_much(size_t len)
{
    memset(much, 'x', sizeof much);
    struct event *e = emit_begin(world.emit, 0, START);
    event_text(e, WORLD_MORE, span_of(much, len));
    emit_finish(world.emit);
}

static void large_documents_get_a_batch_of_their_own(void **state)
{
    (void)state;
    write_one();
    write_much(BATCH_SIZE - 2000);
    write_one();
    flush();
    assert_int_equal(world.count, 3);
    assert_true(strlen(document(1)) > BATCH_SIZE - 2000);
    assert_counted(events_cut, 0);
}

static void too_large_documents_are_cut(void **state)
{
    (void)state;
    write_one();
    write_much(BATCH_SIZE + 100);
    flush();
    assert_int_equal(world.count, 2);
    assert_has(1, "xxx…\"");
    assert_true(strlen(document(1)) > BATCH_SIZE - 2048);
    assert_counted(events_cut, 1);
    assert_counted(events_written, 2);
}

// A list without texts cannot be cut.
static void uncuttable_documents_are_lost(void **state)
{
    (void)state;
    world_start();
    memset(much, ' ', sizeof much);
    struct event *e = emit_begin(world.emit, 0, START);
    event_json(e, WORLD_MORE, span_of(much, sizeof much));
    emit_finish(world.emit);
    write_one();
    flush();
    assert_int_equal(world.count, 1);
    assert_counted(events_lost_size, 1);
    assert_counted(events_cut, 0);
}

static void values_without_room_are_counted(void **state)
{
    (void)state;
    world.documents_limits.scratch = 4096;
    world_start();
    struct event *e = emit_begin(world.emit, 0, START);
    event_text_copy(e, WORLD_MORE, span_of(much, 5000));
    emit_finish(world.emit);
    flush();
    assert_int_equal(world.count, 1);
    assert_lacks(0, "\"more\"");
    assert_counted(events_incomplete, 1);
}

static void unpublished(struct emit_setup *setup)
{
    setup->publish = false;
}

static void unpublished_documents_are_made_all_the_same(void **state)
{
    (void)state;
    world.adjust = unpublished;
    for (int i = 0; i < 5000; i++)
        write_one();
    flush();
    assert_int_equal(world.count, 0);
    assert_counted(events_written, 5000);
    world.unread = 5000;
}

static void flushed_by_age(void **state)
{
    (void)state;
    world.documents_limits.flush_timeout = MILLISECOND;
    write_one();
    clock_sleep(2 * MILLISECOND);
    emit_flush(world.emit, false);
    assert_int_equal(world.count, 1);
    emit_flush(world.emit, true); // nothing to hand over
    emit_flush(world.emit, false);
}

static void not_flushed_while_young(void **state)
{
    (void)state;
    world.documents_limits.flush_timeout = 3600 * SECOND;
    write_one();
    emit_flush(world.emit, false);
    assert_int_equal(world.count, 0);
    emit_flush(world.emit, true);
    assert_int_equal(world.count, 1);
}

// ── batches that do not come home ──

// A large one each: settled they are as long as they were.
static void no_batch_is_free(void **state)
{
    (void)state;
    world.drops = true;
    world.holds = true;
    world_start();
    for (int i = 0; i < 6; i++)
        write_much(BATCH_SIZE - 2000);
    assert_counted(events_written, 4);
    assert_counted(events_lost_batch, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(constants),
        test(datasets_do_not_mix),
        test(digits_of_times),
        test(tags_of_all_come_first),
        test(fields_have_types),
        test(fields_under_root),
        test(own_fields_lie_beside_those_of_all),
        test(fields_that_cannot_be),
        test(fields_of_nothing),
        test(too_many_fields),
        test(names_of_a_configuration),
        test(an_exchange),
        test(an_exchange_under_compat),
        test(turned_by_who_asked),
        test(a_lone_question),
        test(a_lone_answer),
        test(answers_that_came_before),
        test(at_once),
        test(notes),
        test(what_the_protocol_says_wins),
        test(the_reference_lacks_what_was_added),
        test(datagrams_name_their_transport),
        test(direction_by_networks),
        test(outgoing_ones_are_ignored),
        test(index_of_a_dataset),
        test(index_with_a_missing_field),
        test(an_index_that_cannot_be),
        test(own_processors_run_first),
        test(who_is_dropped_is_counted),
        test(full_batches_go_on_their_own),
        test(large_documents_get_a_batch_of_their_own),
        test(too_large_documents_are_cut),
        test(uncuttable_documents_are_lost),
        test(values_without_room_are_counted),
        test(unpublished_documents_are_made_all_the_same),
        test(flushed_by_age),
        test(not_flushed_while_young),
        test(no_batch_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
