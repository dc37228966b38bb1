// SPDX-License-Identifier: Apache-2.0
// What reports mean for messages, and what is read out of the client's numbers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "outputs/kafka_outcome.h"
#include "outputs/kafka_stats.h"

#define NOT     RD_KAFKA_MSG_STATUS_NOT_PERSISTED
#define PERHAPS RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED
#define THERE   RD_KAFKA_MSG_STATUS_PERSISTED

static void reports_have_their_outcome(void **state)
{
    (void)state;
    static const struct {
        rd_kafka_resp_err_t error;
        rd_kafka_msg_status_t status;
        enum kafka_outcome wanted;
    } rows[] = {
        {RD_KAFKA_RESP_ERR_NO_ERROR, THERE, OUTCOME_THERE},
        {RD_KAFKA_RESP_ERR_NO_ERROR, PERHAPS, OUTCOME_THERE}, // acks of nobody
        {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, NOT, OUTCOME_AWAY},
        {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, PERHAPS, OUTCOME_UNKNOWN},
        {RD_KAFKA_RESP_ERR__PURGE_QUEUE, NOT, OUTCOME_AWAY},
        {RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, PERHAPS, OUTCOME_UNKNOWN},
        {RD_KAFKA_RESP_ERR__TRANSPORT, PERHAPS, OUTCOME_UNKNOWN},
        {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, PERHAPS, OUTCOME_UNKNOWN},
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, NOT, OUTCOME_FORBIDDEN},
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, NOT, OUTCOME_FORBIDDEN},
        {RD_KAFKA_RESP_ERR_INVALID_RECORD, NOT, OUTCOME_POISON},
        {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, NOT, OUTCOME_LARGE},
        {(rd_kafka_resp_err_t)12345, PERHAPS, OUTCOME_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(kafka_outcome(rows[i].error, rows[i].status), rows[i].wanted);
    assert_non_null(strstr(kafka_hint(RD_KAFKA_RESP_ERR__AUTHENTICATION), "password"));
    assert_string_equal(kafka_hint(RD_KAFKA_RESP_ERR__FAIL), "");
}

static void numbers_are_summed_over_brokers(void **state)
{
    (void)state;
    struct kafka_stats s;
    char line[1024];
    struct pen pen = pen_of(line, sizeof line - 1);
    assert_true(kafka_stats_read(
        "{\"msg_cnt\":3,\"msg_size\":400,\"tx\":7,\"tx_bytes\":900,\"txmsgs\":5,\"brokers\":{"
        "\"a:1/bootstrap\":{\"nodeid\":-1,\"state\":\"UP\"},"
        "\"a:1/1\":{\"nodeid\":1,\"state\":\"UP\",\"txerrs\":1,\"rtt\":{\"p99\":20}},"
        "\"b:1/2\":{\"nodeid\":2,\"state\":\"DOWN\",\"txerrs\":2,\"rtt\":{\"p99\":10},"
        "\"throttle\":{\"max\":4}}}}",
        &s));
    assert_int_equal(s.brokers, 2);
    assert_int_equal(s.brokers_up, 1);
    assert_int_equal(s.request_errors, 3);
    assert_int_equal(s.rtt_p99_us, 20);
    assert_int_equal(s.throttle_ms, 4);
    kafka_stats_write(&s, &pen);
    pen_byte(&pen, 0);
    assert_non_null(strstr(line, "\"kafka\":{\"messages_waiting\":3,\"bytes_waiting\":400,"));
}

static void what_is_no_json_is_left_alone(void **state)
{
    (void)state;
    struct kafka_stats s;
    static const char *const odd[] = {
        "{}", "[]", "7", "{\"brokers\":7}", "{\"brokers\":{\"a\":1}}", "{\"msg_cnt\":\"x\"}"};
    assert_false(kafka_stats_read("", &s));
    assert_false(kafka_stats_read("{\"a\":", &s));
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        assert_true(kafka_stats_read(odd[i], &s));
        assert_int_equal(s.messages_waiting, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_have_their_outcome),
        cmocka_unit_test(numbers_are_summed_over_brokers),
        cmocka_unit_test(what_is_no_json_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
