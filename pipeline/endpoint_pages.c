// SPDX-License-Identifier: Apache-2.0
// The pages in JSON. Under beat, libbeat and system stand the reference's names, so that its
// collectors work as they are; what has no such name stands under weir, by the names of
// counters.def.

#include "pipeline/endpoint_pages.h"

#include <pwd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "pipeline/base/clock.h"

const char endpoint_json[] = "application/json; charset=utf-8";

// ── members ──────────────────────────────────────────────────────────────────────────────────────

static void put_name(struct pen *pen, const char *name)
{
    uint8_t before = pen->at > pen->start ? pen->at[-1] : '{';
    if (before != '{' && before != '[')
        pen_byte(pen, ',');
    if (name)
        pen_text(pen, span_text(name));
    if (name)
        pen_byte(pen, ':');
}

// An object; NULL: without a name, in a list or as a whole.
static void begin(struct pen *pen, const char *name)
{
    put_name(pen, name);
    pen_byte(pen, '{');
}

static void end(struct pen *pen)
{
    pen_byte(pen, '}');
}

// The end of a page.
static unsigned done(struct pen *pen)
{
    pen_byte(pen, '\n');
    return 200;
}

static void put_number(struct pen *pen, const char *name, uint64_t number)
{
    put_name(pen, name);
    pen_unsigned(pen, number);
}

static void put_real(struct pen *pen, const char *name, double real)
{
    put_name(pen, name);
    pen_double(pen, real);
}

static void put_text(struct pen *pen, const char *name, const char *text)
{
    put_name(pen, name);
    pen_text(pen, span_text(text));
}

// ── / ────────────────────────────────────────────────────────────────────────────────────────────

static const char *user_name(void)
{
    const struct passwd *user = getpwuid(getuid()); // asked on one thread only
    return user ? user->pw_name : "";
}

static unsigned page_root(const struct endpoint_view *v, struct pen *pen)
{
    const struct identity *id = v->world->identity;
    char number[16], host[256] = "";
    struct utsname system;
    begin(pen, NULL);
    put_text(pen, "beat", id->type);
    put_text(pen, "binary_arch", uname(&system) == 0 ? system.machine : "");
    put_text(pen, "ephemeral_id", id->ephemeral_id);
    snprintf(number, sizeof number, "%u", (unsigned)getgid());
    put_text(pen, "gid", number);
    gethostname(host, sizeof host - 1);
    put_text(pen, "hostname", host);
    put_text(pen, "name", id->name);
    snprintf(number, sizeof number, "%u", (unsigned)getuid());
    put_text(pen, "uid", number);
    put_text(pen, "username", user_name());
    put_text(pen, "uuid", id->id);
    put_text(pen, "version", id->version);
    end(pen);
    return done(pen);
}

// ── /stats ───────────────────────────────────────────────────────────────────────────────────────

static void put_cpu(struct pen *pen, const char *name, int64_t time, bool is_total)
{
    uint64_t milliseconds = (uint64_t)(time / MILLISECOND);
    begin(pen, name);
    put_number(pen, "ticks", milliseconds);
    begin(pen, "time");
    put_number(pen, "ms", milliseconds);
    end(pen);
    if (is_total)
        put_number(pen, "value", milliseconds);
    end(pen);
}

static void put_beat(struct pen *pen, const struct endpoint_view *v)
{
    const struct usage *u = &v->usage;
    begin(pen, "beat");
    begin(pen, "cpu");
    put_cpu(pen, "system", u->system, false);
    put_cpu(pen, "total", u->user + u->system, true);
    put_cpu(pen, "user", u->user, false);
    end(pen);
    begin(pen, "handles");
    begin(pen, "limit");
    put_number(pen, "hard", u->descriptors_hard);
    put_number(pen, "soft", u->descriptors_soft);
    end(pen);
    put_number(pen, "open", u->descriptors);
    end(pen);
    begin(pen, "info");
    put_text(pen, "ephemeral_id", v->world->identity->ephemeral_id);
    put_text(pen, "name", v->world->identity->type);
    begin(pen, "uptime");
    put_number(pen, "ms", (uint64_t)(v->uptime / MILLISECOND));
    end(pen);
    put_text(pen, "version", v->world->identity->version);
    end(pen);
    begin(pen, "memstats"); // of a program without garbage collector
    put_number(pen, "gc_next", 0);
    put_number(pen, "memory_alloc", u->resident);
    put_number(pen, "memory_sys", u->total);
    put_number(pen, "memory_total", u->resident);
    put_number(pen, "rss", u->resident);
    end(pen);
    begin(pen, "runtime");
    put_number(pen, "goroutines", u->threads);
    end(pen);
    end(pen);
}

// All outputs as one: the reference has no more.
static struct output_counters sum_outputs(const struct stats *s)
{
    struct output_counters sum = {0};
    for (int i = 0; i < s->outputs; i++)
        for (const struct output_counter_info *info = output_counter_infos; info->name; info++) {
            uint64_t *to = (void *)((char *)&sum + info->offset);
            *to += output_counter_at(&s->output[i].counters, info);
        }
    return sum;
}

// Documents in the queues, in memory and on disk.
static uint64_t queued(const struct output_counters *o)
{
    return o->waiting + o->spooled;
}

// And those that left them, however. The counters are read one after the other, so it may seem that
// more wait than came.
static uint64_t left(const struct output_counters *o)
{
    uint64_t came = o->accepted + o->recovered;
    return came > queued(o) ? came - queued(o) : 0;
}

// Their names, with commas.
static void put_output_type(struct pen *pen, const struct stats *s)
{
    char names[256] = "";
    size_t len = 0;
    for (int i = 0; i < s->outputs && len < sizeof names; i++)
        len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", i ? "," : "",
                                s->output[i].name);
    put_text(pen, "type", names);
}

static void put_output(struct pen *pen, const struct stats *s, const struct output_counters *o)
{
    begin(pen, "output");
    begin(pen, "batches");
    put_number(pen, "split", o->splits);
    end(pen);
    begin(pen, "events");
    put_number(pen, "acked", o->delivered);
    put_number(pen, "active", queued(o));
    put_number(pen, "batches", o->parcels);
    put_number(pen, "dead_letter", o->dead_letters);
    put_number(pen, "dropped", o->refused + o->too_large + o->shed + o->damaged);
    put_number(pen, "duplicates", o->duplicates);
    put_number(pen, "failed", o->retries);
    put_number(pen, "toomany", o->busy);
    put_number(pen, "total", o->accepted + o->retries);
    end(pen);
    begin(pen, "read");
    put_number(pen, "bytes", 0);
    put_number(pen, "errors", 0);
    end(pen);
    put_output_type(pen, s);
    begin(pen, "write");
    put_number(pen, "bytes", o->bytes);
    put_number(pen, "errors", o->errors);
    end(pen);
    end(pen);
}

static void put_events(struct pen *pen, const char *name, uint64_t events)
{
    begin(pen, name);
    put_number(pen, "events", events);
    end(pen);
}

static void put_pipeline(struct pen *pen, const struct endpoint_view *v,
                         const struct output_counters *o)
{
    const struct counters *c = &v->stats.workers;
    const struct queue_settings *q = v->world->queue;
    uint64_t lost = stats_column(&v->stats, COLUMN_LOST);
    begin(pen, "pipeline");
    put_number(pen, "clients", v->world->workers);
    begin(pen, "events");
    put_number(pen, "active", queued(o));
    put_number(pen, "dropped", lost + o->shed + o->damaged);
    put_number(pen, "failed", lost);
    put_number(pen, "filtered", c->events_filtered);
    put_number(pen, "published", c->events_written);
    put_number(pen, "retry", o->retries);
    put_number(pen, "total", c->events_made);
    end(pen);
    begin(pen, "queue");
    put_number(pen, "acked", left(o));
    put_events(pen, "added", o->accepted + o->recovered);
    put_events(pen, "consumed", left(o));
    begin(pen, "filled");
    put_number(pen, "events", queued(o));
    put_real(pen, "pct", (double)o->waiting / (double)(q->events > 0 ? q->events : 1));
    end(pen);
    put_number(pen, "max_bytes", (uint64_t)q->bytes);
    put_number(pen, "max_events", (uint64_t)q->events);
    put_events(pen, "removed", left(o));
    end(pen);
    end(pen);
}

static void put_libbeat(struct pen *pen, const struct endpoint_view *v)
{
    struct output_counters all = sum_outputs(&v->stats);
    begin(pen, "libbeat");
    begin(pen, "config");
    begin(pen, "module");
    put_number(pen, "running", 0);
    put_number(pen, "starts", 0);
    put_number(pen, "stops", 0);
    end(pen);
    put_number(pen, "reloads", 0);
    put_number(pen, "scans", 0);
    end(pen);
    put_output(pen, &v->stats, &all);
    put_pipeline(pen, v, &all);
    end(pen);
}

// Each protocol's under its own name, at the root.
static void put_protocols(struct pen *pen, const struct endpoint_view *v)
{
    const struct counters *c = &v->stats.workers;
    for (int i = 0; i < v->world->protocol_count && i < COUNTER_KINDS; i++) {
        if (!v->world->protocols[i])
            continue;
        begin(pen, v->world->protocols[i]);
        put_number(pen, "unmatched_requests", counter_get(c->unanswered_of[i]));
        put_number(pen, "unmatched_responses", counter_get(c->unasked_of[i]));
        end(pen);
    }
}

static void put_system(struct pen *pen, const struct usage *u)
{
    static const char *const minutes[] = {"1", "5", "15"};
    begin(pen, "system");
    begin(pen, "cpu");
    put_number(pen, "cores", u->processors);
    end(pen);
    begin(pen, "load");
    for (int i = 0; i < 3; i++)
        put_real(pen, minutes[i], u->load[i]);
    begin(pen, "norm");
    for (int i = 0; i < 3; i++)
        put_real(pen, minutes[i], u->load[i] / u->processors);
    end(pen);
    end(pen);
    end(pen);
}

// Everything, zeros too, so that a collector sees each from the start.
static void put_own(struct pen *pen, const struct stats *s)
{
    begin(pen, "weir");
    for (enum counter c = 0; c < COUNTERS; c++)
        put_number(pen, counter_infos[c].name, counter_at(&s->workers, c));
    begin(pen, "output");
    for (int i = 0; i < s->outputs; i++) {
        begin(pen, s->output[i].name);
        for (const struct output_counter_info *info = output_counter_infos; info->name; info++)
            put_number(pen, info->name, output_counter_at(&s->output[i].counters, info));
        end(pen);
    }
    end(pen);
    end(pen);
}

static unsigned page_stats(const struct endpoint_view *v, struct pen *pen)
{
    begin(pen, NULL);
    put_beat(pen, v);
    put_libbeat(pen, v);
    put_protocols(pen, v);
    put_system(pen, &v->usage);
    put_own(pen, &v->stats);
    end(pen);
    return done(pen);
}

// ── /inputs/ ─────────────────────────────────────────────────────────────────────────────────────

// The counters are those of all inputs together.
static unsigned page_inputs(const struct endpoint_view *v, struct pen *pen)
{
    const struct counters *c = &v->stats.workers;
    pen_byte(pen, '[');
    for (int i = 0; i < v->world->input_count; i++) {
        const struct endpoint_input *input = &v->world->inputs[i];
        begin(pen, NULL);
        put_text(pen, "device", input->name);
        put_text(pen, "id", input->name);
        put_text(pen, "input", input->kind);
        put_number(pen, "packets", c->packets_seen);
        put_number(pen, "received_bytes_total", c->packets_bytes);
        put_number(pen, "received_events_total", c->packets_seen);
        begin(pen, "tcp");
        put_number(pen, "dropped_because_of_gaps", c->tcp_gaps);
        end(pen);
        put_number(pen, "tcp_overlaps", c->tcp_overlaps);
        end(pen);
    }
    pen_byte(pen, ']');
    return done(pen);
}

// ── is it well? ──────────────────────────────────────────────────────────────────────────────────

static unsigned page_health(const struct endpoint_view *v, struct pen *pen)
{
    (void)v;
    pen_raw(pen, (struct span)SPAN("ok"));
    return done(pen);
}

static unsigned page_ready(const struct endpoint_view *v, struct pen *pen)
{
    struct error why = {"not ready"};
    if (v->world->is_ready(v->world->arg, &why))
        return page_health(v, pen);
    pen_raw(pen, span_text(why.text));
    pen_byte(pen, '\n');
    return 503;
}

static const char text[] = "text/plain; charset=utf-8";

const struct endpoint_page endpoint_pages[] = {
    {"/", endpoint_json, page_root},
    {"/stats", endpoint_json, page_stats},
    {"/inputs/", endpoint_json, page_inputs},
    {"/inputs", endpoint_json, page_inputs},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", endpoint_metrics},
    {"/healthz", text, page_health},
    {"/readyz", text, page_ready},
    {NULL, NULL, NULL},
};

// ── pretty ───────────────────────────────────────────────────────────────────────────────────────

static void new_line(struct pen *pen, int depth)
{
    pen_byte(pen, '\n');
    for (int i = 0; i < 2 * depth; i++)
        pen_byte(pen, ' ');
}

// Bytes of the string at the start of `json`, quotes included.
static size_t string_length(struct span json)
{
    for (size_t i = 1; i < json.len; i++) {
        if (json.at[i] == '"')
            return i + 1;
        i += json.at[i] == '\\';
    }
    return json.len;
}

// A brace or bracket that opens, and what is empty at once; how many bytes that was.
static size_t open_pretty(struct span json, struct pen *pen, int *depth)
{
    bool is_empty = json.len > 1 && json.at[1] == json.at[0] + 2; // } behind {, ] behind [
    pen_raw(pen, span_first(json, is_empty ? 2 : 1));
    if (!is_empty)
        new_line(pen, ++*depth);
    return is_empty ? 2 : 1;
}

void endpoint_pretty(struct span json, struct pen *pen)
{
    int depth = 0;
    while (json.len) {
        uint8_t byte = json.at[0];
        size_t len = 1;
        if (byte == '"') {
            len = string_length(json);
            pen_raw(pen, span_first(json, len));
        } else if (byte == '{' || byte == '[') {
            len = open_pretty(json, pen, &depth);
        } else if (byte != '\n') {
            if (byte == '}' || byte == ']')
                new_line(pen, --depth);
            pen_byte(pen, byte);
            if (byte == ',')
                new_line(pen, depth);
            else if (byte == ':')
                pen_byte(pen, ' ');
        }
        json = span_skip(json, len);
    }
    pen_byte(pen, '\n');
}
