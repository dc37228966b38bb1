// SPDX-License-Identifier: Apache-2.0
// `weir run`: builds from the sea to the spring (outputs, workers), waits, takes down from the
// spring to the sea, and says at the end what became of every packet and document.

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/directory.h"
#include "pipeline/base/thread.h"
#include "pipeline/data_lock.h"
#include "pipeline/ledger.h"
#include "pipeline/stats.h"
#include "probe/cli/command.h"
#include "probe/cli/inputs.h"
#include "probe/worker.h"

enum { TURN_MILLISECONDS = 20 };

// What comes so soon after a request to stop belongs to it: timeout(1) tells its command twice,
// once as one of its group.
#define ONE_REQUEST (SECOND / 2)

struct session {
    const struct flags *flags;
    struct plan *plan;
    struct inputs inputs;
    struct publisher *publisher;
    struct dump *dump;
    struct endpoint *endpoint;  // NULL: none is wanted
    struct endpoint_world seen; // by the endpoint
    const char *protocols[COUNTER_KINDS];
    struct worker *workers[WORKERS];
    unsigned count;
    sigset_t signals;
    bool terminal;         // standard error is one: progress and the table are shown
    bool stopped;          // the publisher
    uint64_t left;         // documents that were not delivered
    int64_t asked_to_stop; // when; 0: not yet
    int64_t last_metrics;
    struct stats metrics; // at the last metrics line
    int data_lock;
};

// ── building ──

static bool start_dump(struct session *s, struct error *why)
{
    if (!s->inputs.dump)
        return true;
    s->dump = dump_open(s->inputs.dump, clock_wall(), why);
    return s->dump != NULL;
}

static bool start_outputs(struct session *s, struct error *why)
{
    struct plan *p = s->plan;
    if (flags_on(s->flags, "N"))
        return true;
    if (!p->output_count)
        return error_set(why, "no output is configured: give output.file or output.console, or -N");
    s->publisher = publisher_start(p->outputs, p->output_count, &p->general.queue, s->inputs.replay,
                                   &p->world, why);
    return s->publisher != NULL;
}

static bool add_worker(struct session *s, struct input *input, unsigned index, struct error *why)
{
    const struct setting_numbers *cpus = &input->settings->affinity;
    struct worker_setup setup = {.plan = s->plan,
                                 .source = input->source,
                                 .opened = input->opened[index],
                                 .interface = input->settings,
                                 .full_speed = input->capture.full_speed,
                                 .number = s->count,
                                 .index = index,
                                 .count = input->workers,
                                 .cpu = cpus->count ? (int)cpus->at[index % (unsigned)cpus->count]
                                                    : -1,
                                 .publisher = s->publisher,
                                 .replay = s->inputs.replay,
                                 .dump = s->inputs.replay && index ? NULL : s->dump};
    s->workers[s->count] = worker_new(&setup, why);
    if (!s->workers[s->count])
        return false;
    input->opened[index] = NULL;
    s->count++;
    return true;
}

// The folder of a file; NULL: of none.
static const char *folder_of(struct session *s, const char *file)
{
    const char *slash = file ? strrchr(file, '/') : NULL;
    if (slash == file)
        return file ? "/" : NULL;
    return slash ? arena_printf(&s->plan->arena, "%.*s", (int)(slash - file), file) : ".";
}

// Sockets of cards are open, nothing else is: all threads are started with what is left.
static bool enter_sandbox(struct session *s, struct error *why)
{
    const struct general_settings *g = &s->plan->general;
    const char *host = g->http.host;
    bool is_socket = host && !strncmp(host, "unix://", 7);
    struct sandbox_setup setup = {
        .settings = &g->sandbox,
        .folders = {g->path_data, g->path_logs, folder_of(s, s->plan->log.path),
                    config_text(s->plan->root, "output.file.path"), folder_of(s, s->inputs.dump),
                    is_socket ? folder_of(s, host + 7) : NULL}};
    unsigned count = 6;
    for (int i = 0; i < s->plan->output_count && count + 2 <= SANDBOX_FOLDERS; i++) {
        const struct publisher_output *o = &s->plan->outputs[i];
        setup.folders[count++] = o->disk ? o->disk->path : NULL;
        setup.folders[count++] = folder_of(s, o->dead_letter_file);
    }
    return sandbox_enter(&setup, why);
}

static bool build(struct session *s, struct error *why)
{
    if (!inputs_open(&s->inputs, why) || !enter_sandbox(s, why) || !start_outputs(s, why) ||
        !start_dump(s, why))
        return false;
    for (int i = 0; i < s->inputs.count; i++)
        for (unsigned w = 0; w < s->inputs.at[i].workers; w++)
            if (!add_worker(s, &s->inputs.at[i], w, why))
                return false;
    for (unsigned i = 0; i < s->count; i++)
        if (!worker_listen(s->workers[i], why))
            return false;
    return true;
}

// ── while it runs ──

static void take_stats(const struct session *s, struct stats *into)
{
    const struct counters *counters[WORKERS];
    for (unsigned i = 0; i < s->count; i++)
        counters[i] = worker_counters(s->workers[i]);
    stats_take(into, counters, (int)s->count, s->publisher);
}

static void show_progress(const struct session *s)
{
    struct source_progress p;
    struct stats now;
    worker_progress(s->workers[0], &p);
    take_stats(s, &now);
    char share[16] = "";
    if (p.bytes_total)
        snprintf(share, sizeof share, "%3u %%  ", (unsigned)(p.bytes_read * 100 / p.bytes_total));
    fprintf(stderr, "\r%s%llu packets, %llu documents\x1b[K", share,
            (unsigned long long)now.workers.packets_seen,
            (unsigned long long)now.workers.events_written);
    struct error cause;
    if (s->publisher && publisher_is_waiting(s->publisher, &cause))
        fprintf(stderr, ", waiting: %.60s", cause.text);
}

static void log_metrics(struct session *s)
{
    const struct general_settings *g = &s->plan->general;
    int64_t now = clock_steady();
    if (!g->log_metrics || now - s->last_metrics < g->log_metrics_period)
        return;
    struct stats stats;
    take_stats(s, &stats);
    stats_log(&stats, &s->metrics);
    s->metrics = stats;
    s->last_metrics = now;
}

// ── what the endpoint asks, on its own thread ──

static void take_for_endpoint(void *session, struct stats *into)
{
    take_stats(session, into);
}

static bool is_ready(void *session, struct error *why)
{
    const struct session *s = session;
    struct error cause;
    for (unsigned i = 0; i < s->count; i++)
        if (!worker_is_running(s->workers[i]))
            return error_set(why, "packets are not read, or not any more");
    if (s->publisher && publisher_is_waiting(s->publisher, &cause))
        return error_set(why, "an output waits: %.400s", cause.text);
    return true;
}

// By number of their dataset, as they are counted.
static int name_protocols(struct session *s)
{
    const struct plan *p = s->plan;
    int count = p->dataset_count < COUNTER_KINDS ? p->dataset_count : COUNTER_KINDS;
    for (int i = 0; i < count; i++)
        s->protocols[i] = p->datasets[i].protocol ? p->datasets[i].name : NULL;
    return count;
}

static bool start_endpoint(struct session *s, struct error *why)
{
    const struct endpoint_settings *http = &s->plan->general.http;
    if (!http->enabled)
        return true;
    s->seen = (struct endpoint_world){.identity = &s->plan->identity,
                                      .queue = &s->plan->general.queue,
                                      .protocols = s->protocols,
                                      .protocol_count = name_protocols(s),
                                      .inputs = s->inputs.told,
                                      .input_count = s->inputs.count,
                                      .workers = s->count,
                                      .take = take_for_endpoint,
                                      .is_ready = is_ready,
                                      .arg = s};
    s->endpoint = endpoint_start(http, &s->seen, why);
    return s->endpoint != NULL;
}

// ── waiting ──

// The second request ends the program at once.
static void hear_stop(struct session *s)
{
    int64_t now = clock_steady();
    if (s->asked_to_stop && now - s->asked_to_stop > ONE_REQUEST)
        _exit(EXIT_FAILED);
    if (!s->asked_to_stop)
        s->asked_to_stop = now;
    for (unsigned i = 0; i < s->count; i++)
        worker_stop(s->workers[i]);
}

// Waits for a signal, not longer than a turn.
static void wait_turn(struct session *s)
{
    struct timespec turn = {0, TURN_MILLISECONDS * 1000000L};
    int signal = sigtimedwait(&s->signals, NULL, &turn);
    if (signal == SIGHUP || signal == SIGUSR1) {
        log_reopen();
        if (s->publisher)
            publisher_reopen(s->publisher);
    } else if (signal == SIGINT || signal == SIGTERM) {
        hear_stop(s);
    }
    if (s->terminal)
        show_progress(s);
    log_metrics(s);
}

static bool any_runs(const struct session *s)
{
    for (unsigned i = 0; i < s->count; i++)
        if (worker_is_running(s->workers[i]))
            return true;
    return false;
}

static bool outputs_wait(const struct session *s)
{
    return s->publisher && !publisher_is_empty(s->publisher);
}

// ── taking down ──

// After a signal everything together may take shutdown_timeout; a file that was read to its end
// waits for its outputs.
static void drain(struct session *s)
{
    int64_t deadline = INT64_MAX;
    while (any_runs(s) || outputs_wait(s)) {
        if (s->asked_to_stop && deadline == INT64_MAX)
            deadline = clock_steady() + s->plan->probe.shutdown_timeout;
        if (clock_steady() > deadline)
            break;
        wait_turn(s);
    }
    if (!s->publisher)
        return;
    s->stopped = true;
    s->left =
        publisher_stop(s->publisher, deadline == INT64_MAX ? clock_steady() + SECOND : deadline);
    if (s->left)
        log_say(LOG_WARNING, "run", "%llu documents were not delivered before shutdown_timeout",
                (unsigned long long)s->left);
}

static bool join(struct session *s, struct error *why)
{
    bool fine = true;
    for (unsigned i = 0; i < s->count; i++)
        fine &= worker_join(s->workers[i], fine ? why : NULL);
    return fine;
}

static int conclude(struct session *s, bool fine, const struct error *why)
{
    struct stats stats;
    struct error unbalanced;
    take_stats(s, &stats);
    if (s->terminal)
        fprintf(stderr, "\r\x1b[K");
    if (s->terminal || flags_on(s->flags, "e"))
        ledger_print(&stats, stderr);
    else if (s->plan->general.log_metrics)
        stats_log(&stats, NULL);
    if (!ledger_check(&stats, s->publisher != NULL, &unbalanced)) {
        log_say(LOG_ERROR, "run", "the ledger does not balance: %s", unbalanced.text);
        fine = false;
    }
    if (why->text[0])
        return command_fails(EXIT_FAILED, why);
    return fine && !s->left ? EXIT_FINE : EXIT_FAILED;
}

// False: what was dumped is not all there.
static bool finish_dump(struct session *s)
{
    struct error why = {""};
    bool fine = !s->dump || dump_close(s->dump, &why);
    s->dump = NULL;
    if (why.text[0])
        log_say(fine ? LOG_WARNING : LOG_ERROR, "run", "%s", why.text);
    return fine;
}

static void session_free(struct session *s)
{
    endpoint_stop(s->endpoint);
    finish_dump(s);
    if (s->publisher && !s->stopped)
        publisher_stop(s->publisher, 0);
    for (unsigned i = 0; i < s->count; i++)
        worker_free(s->workers[i]);
    if (s->publisher)
        publisher_free(s->publisher);
    inputs_free(&s->inputs);
    data_lock_give(s->data_lock);
    plan_free(s->plan);
    log_close();
}

static int fail(struct session *s, int code, const struct error *why)
{
    session_free(s);
    return command_fails(code, why);
}

static int run_session(struct session *s)
{
    struct error why = {""};
    s->terminal = isatty(STDERR_FILENO) && !flags_on(s->flags, "e");
    s->last_metrics = clock_steady();
    if (!inputs_choose(&s->inputs, s->plan, s->flags, &why))
        return fail(s, EXIT_FAILED, &why);
    sandbox_raise();
    int code = inputs_check(&s->inputs, &why);
    if (code != EXIT_FINE || !data_lock_take(s->plan->general.path_data, &s->data_lock, &why) ||
        !build(s, &why) || !start_endpoint(s, &why))
        return fail(s, code == EXIT_FINE ? EXIT_FAILED : code, &why);
    log_say(
        LOG_INFO, "run", "workers: %u, memory at their ceilings %llu MiB", s->count,
        (unsigned long long)((plan_memory(s->plan, s->count) + inputs_memory(&s->inputs)) >> 20));
    for (unsigned i = 0; i < s->count; i++)
        worker_start(s->workers[i]);
    for (int i = 0; i < s->inputs.count; i++)
        log_say(LOG_INFO, "run", "reading packets from %s", s->inputs.told[i].name);
    while (any_runs(s) && !s->asked_to_stop)
        wait_turn(s);
    drain(s);
    bool fine = join(s, &why);
    fine &= finish_dump(s);
    code = conclude(s, fine, &why);
    session_free(s);
    return code;
}
// As if somebody had pressed Ctrl-C: the loop below waits for signals anyway.
static void ask_stop(void *unused)
{
    (void)unused;
    kill(getpid(), SIGTERM);
}

// The directory is made if need be; why it cannot be is why the file cannot be opened.
static void open_log(const struct log_setup *setup)
{
    char why[512], folder[PATH_MAX];
    const char *slash = setup->path ? strrchr(setup->path, '/') : NULL;
    if (slash && slash - setup->path < PATH_MAX) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - setup->path), setup->path);
        directory_make(folder, 0750);
    }
    if (!log_open(setup, why))
        log_say(LOG_WARNING, "run", "%s: logging to standard error", why);
}

static int run_run(const struct flags *flags, const char *const *words)
{
    struct session s = {.flags = flags, .data_lock = -1};
    struct error why = {""};
    if (words[0]) {
        error_set(&why, "run takes no word %s (see weir help)", words[0]);
        return command_fails(EXIT_USAGE, &why);
    }
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&s.signals);
    for (const int *sig = (const int[]){SIGINT, SIGTERM, SIGHUP, SIGUSR1, 0}; *sig; sig++)
        sigaddset(&s.signals, *sig);
    pthread_sigmask(SIG_BLOCK, &s.signals, NULL);
    s.plan = command_plan(flags, ask_stop);
    if (!s.plan)
        return EXIT_FAILED;
    open_log(&s.plan->log);
    return run_session(&s);
}

const struct command command_run = {"run", "", "capture and publish (when no command is given)",
                                    run_run};
