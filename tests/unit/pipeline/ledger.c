// SPDX-License-Identifier: Apache-2.0
#include "pipeline/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

// One that balances.
static struct stats balanced(void)
{
    struct stats s = {.outputs = 2};
    s.workers.packets_seen = 105;
    s.workers.shed_uncounted = 2;
    s.workers.shed_uncaptured = 3;
    s.workers.packets_decoded = 90;
    s.workers.undecoded_link_type = 4;
    s.workers.undecoded_not_ip = 6;
    s.workers.events_made = 50;
    s.workers.events_written = 40;
    s.workers.events_filtered = 7;
    s.workers.events_lost_size = 3;
    for (int i = 0; i < 2; i++) {
        s.output[i].name = i ? "console" : "file";
        s.output[i].counters.accepted = 40;
        s.output[i].counters.delivered = 30;
        s.output[i].counters.refused = 1;
        s.output[i].counters.too_large = 2;
        s.output[i].counters.shed = 3;
        s.output[i].counters.waiting = 4;
    }
    return s;
}

static void assert_fails(const struct stats *s, const char *words)
{
    struct error why = {.text = ""};
    assert_false(ledger_check(s, true, &why));
    if (strncmp(why.text, words, strlen(words)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", why.text, words);
}

static void a_balance_holds(void **state)
{
    (void)state;
    struct stats s = balanced(), empty = {.outputs = 0};
    assert_true(ledger_check(&s, true, NULL));
    assert_true(ledger_check(&empty, true, NULL));
}

static void what_fails_is_named(void **state)
{
    (void)state;
    struct stats s = balanced();
    s.workers.undecoded_not_ip--;
    assert_fails(&s, "packets: 105 seen, but 90 decoded + 9 not decoded + 5 shed");
    s = balanced();
    s.workers.packets_decoded++;
    assert_fails(&s, "packets: ");
    s = balanced();
    s.workers.events_filtered++;
    assert_fails(&s, "events: 50 made, but 40 written + 8 filtered + 3 lost");
    s = balanced();
    s.output[1].counters.shed--;
    assert_fails(
        &s,
        "output.console: 40 accepted + 0 recovered, but 30 delivered + 1 refused + 2 too large + 0 "
        "dead letters + 2 shed + 0 damaged + 4 waiting + 0 spooled");
    s = balanced();
    s.output[1].counters.recovered = 5;
    s.output[1].counters.spooled = 4;
    s.output[1].counters.damaged = 1;
    assert_true(ledger_check(&s, true, NULL));
    s.output[1].counters.damaged = 0;
    assert_fails(&s, "output.console: 40 accepted + 5 recovered, but");
    s = balanced();
    s.output[0].counters.accepted--;
    s.output[0].counters.delivered--;
    assert_fails(&s, "output.file: 39 accepted, but 40 written");
}

static void unpublished_documents_reach_no_output(void **state)
{
    (void)state;
    struct stats s = balanced();
    memset(&s.output[0].counters, 0, sizeof s.output[0].counters);
    memset(&s.output[1].counters, 0, sizeof s.output[1].counters);
    assert_true(ledger_check(&s, false, NULL));
    assert_fails(&s, "output.file: 0 accepted, but 40 written");
}

static void the_table_shows_what_is_not_zero(void **state)
{
    (void)state;
    struct stats s = balanced();
    char *text;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    ledger_print(&s, to);
    fclose(to);
    assert_non_null(strstr(text, "packets                                  105\n"));
    assert_non_null(strstr(text, "  undecoded_link_type                      4  link type"));
    assert_non_null(strstr(text, "output.file                               40\n"));
    assert_non_null(strstr(text, "  delivered                               30  documents"));
    assert_null(strstr(text, "undecoded_vlan_depth"));
    assert_null(strstr(text, "accepted"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_balance_holds),
        cmocka_unit_test(what_fails_is_named),
        cmocka_unit_test(unpublished_documents_reach_no_output),
        cmocka_unit_test(the_table_shows_what_is_not_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
