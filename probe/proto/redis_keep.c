// SPDX-License-Identifier: Apache-2.0
// Copies out of questions and answers what documents show of them, up to a ceiling. Finds the keys
// among the arguments, and leaves secrets out.

#include "probe/proto/redis.h"

static const struct span hidden_text = SPAN("xxxxx");

static const struct redis_settings *settings_of(const struct transaction *t)
{
    return conn_settings(t->conn);
}

static void add(struct transaction *t, struct chain *to, struct span text, bool *cut)
{
    size_t room = (size_t)settings_of(t)->max_body - to->len;
    *cut |= text.len > room;
    if (text.len && room)
        transaction_append(t, to, span_first(text, room));
}

// ── names ──

// Under compat only these have two words.
static bool has_second_word(const struct transaction *t, struct span name)
{
    static const char *const known[] = {"CLIENT", "CONFIG", "DEBUG", "SCRIPT"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (span_is(name, span_text(known[i])))
            return true;
    return !conn_is_compat(t->conn);
}

static void read_first_word(struct transaction *t, struct redis_question *q, struct span text)
{
    struct redis_exchange *x = t->state;
    x->command = redis_command_find(text);
    q->words = 1;
    if (x->command && x->command->role == REDIS_CONTAINER && has_second_word(t, x->command->name))
        q->words = 2;
}

// An unknown one is an argument.
static void read_second_word(struct transaction *t, struct redis_question *q, struct span text)
{
    struct redis_exchange *x = t->state;
    uint8_t both[REDIS_NAME];
    size_t first = x->command->name.len;
    if (first + 1 + text.len <= sizeof both) {
        memcpy(both, x->command->name.at, first);
        both[first] = ' ';
        memcpy(both + first + 1, text.at, text.len);
        const struct redis_command *found = redis_command_find(span_of(both, first + 1 + text.len));
        if (found) {
            x->command = found;
            return;
        }
    }
    q->words = 1;
}

// ── keys ──

// Keys that begin with the argument `from`.
static void set_keys(struct redis_question *q, int which, const struct redis_place *p,
                     uint64_t from)
{
    uint64_t until = from + (uint64_t)p->last + 1, count = q->count;
    if (p->last < 0)
        until = count + 1 > (uint64_t)-p->last ? count + 1 - (uint64_t)-p->last : 0;
    if (p->limit > 1 && until > from)
        until = from + (until - from) / (uint64_t)p->limit;
    q->keys[which].from = from;
    q->keys[which].until = until;
    q->keys[which].step = (uint64_t)p->step;
}

static void set_counted_keys(struct redis_question *q, int which, const struct redis_place *p,
                             struct span number)
{
    uint64_t count;
    if (!span_number(number, &count) || count > q->count)
        return;
    q->keys[which].from = q->index + (uint64_t)p->last;
    q->keys[which].step = (uint64_t)p->step;
    q->keys[which].until = q->keys[which].from + count * q->keys[which].step;
}

// With the name known: keys whose places do not depend on other arguments.
static void place_keys(struct redis_question *q, const struct redis_command *command)
{
    for (int i = 0; i < REDIS_PLACES; i++)
        if (command->keys[i].find == REDIS_RANGE)
            set_keys(q, i, &command->keys[i], (uint64_t)command->keys[i].first);
}

// An argument that says where keys are.
static void look_for_keys(struct redis_question *q, const struct redis_command *command,
                          struct span text)
{
    for (int i = 0; i < REDIS_PLACES; i++) {
        const struct redis_place *p = &command->keys[i];
        if (p->find == REDIS_COUNTED && q->index == (uint64_t)p->first)
            set_counted_keys(q, i, p, text);
        else if (p->find == REDIS_BEHIND && !q->keys[i].from &&
                 span_is_nocase(text, span_text(p->keyword)))
            set_keys(q, i, p, q->index + 1);
    }
}

static bool is_key(const struct redis_question *q)
{
    for (int i = 0; i < REDIS_PLACES; i++)
        if (q->index >= q->keys[i].from && q->index < q->keys[i].until &&
            (q->index - q->keys[i].from) % q->keys[i].step == 0)
            return true;
    return false;
}

// ── secrets ──

static bool is_secret_parameter(struct span name)
{
    static const char *const names[] = {"requirepass",       "masterauth",
                                        "primaryauth",       "sentinel-pass",
                                        "tls-key-file-pass", "tls-client-key-file-pass"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (span_is_nocase(name, span_text(names[i])))
            return true;
    return false;
}

// How many arguments behind this one a secret stands; 0: none does.
static unsigned secret_behind(enum redis_role role, uint64_t index, struct span text)
{
    static const struct {
        enum redis_role role;
        uint8_t from, behind; // arguments
        const char *word;
    } rules[] = {{REDIS_HELLO, 2, 2, "AUTH"},
                 {REDIS_MIGRATE, 6, 1, "AUTH"},
                 {REDIS_MIGRATE, 6, 2, "AUTH2"},
                 {REDIS_SENTINEL_SET, 3, 1, "auth-pass"}};
    if (role == REDIS_CONFIG_SET && index >= 2)
        return is_secret_parameter(text);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (role == rules[i].role && index >= rules[i].from &&
            span_is_nocase(text, span_text(rules[i].word)))
            return rules[i].behind;
    return 0;
}

static bool is_secret(const struct redis_question *q, enum redis_role role, struct span text)
{
    if (role == REDIS_AUTH)
        return q->index + 1 == q->count;
    if (role == REDIS_ACL_SETUSER)
        return q->index > 2 && text.len && strchr("><#!", text.at[0]) && text.at[0];
    return q->secret && q->index == q->secret;
}

static void judge_secrecy(const struct transaction *t, struct redis_question *q,
                          enum redis_role role, struct span text)
{
    q->hidden = q->index && is_secret(q, role, text) && !conn_is_compat(t->conn);
    if (settings_of(t)->redact_values && q->index >= q->words && !q->is_key)
        q->hidden = true;
    unsigned behind = role && !q->hidden ? secret_behind(role, q->index, text) : 0;
    if (behind)
        q->secret = q->index + behind;
}

// ── arguments ──

void redis_keep_begin(struct redis_question *q, uint64_t count)
{
    *q = (struct redis_question){.count = count};
}

static void begin_argument(struct transaction *t, struct redis_question *q, struct span text)
{
    struct redis_exchange *x = t->state;
    if (q->index == 0)
        read_first_word(t, q, text);
    else if (q->index == 1 && q->words == 2)
        read_second_word(t, q, text);
    const struct redis_command *command = x->command;
    if (command && q->index + 1 == q->words)
        place_keys(q, command);
    if (command && q->index >= q->words)
        look_for_keys(q, command, text);
    q->is_key = q->index && is_key(q);
    judge_secrecy(t, q, command ? command->role : REDIS_PLAIN, text);
    if (q->index)
        add(t, &x->query, (struct span)SPAN(" "), &x->query_cut);
    q->at = x->query.len;
    if (q->hidden)
        add(t, &x->query, hidden_text, &x->query_cut);
}

static void keep_word(struct redis_question *q, struct span text)
{
    q->word_len = text.len <= sizeof q->word ? (uint8_t)text.len : 0;
    for (size_t i = 0; i < q->word_len; i++)
        q->word[i] = text_upper(text.at[i]);
}

static void end_argument(struct redis_exchange *x, struct redis_question *q)
{
    struct redis_part part = {q->at, x->query.len - q->at};
    if (q->is_key && x->key_count < REDIS_KEYS_MOST && part.len)
        x->key[x->key_count++] = part;
    if (q->index < q->words)
        x->name.len = x->query.len;
    else if (q->index == q->words)
        x->argument = part;
    q->index++;
}

void redis_keep_argument(struct transaction *t, struct redis_question *q, struct span text,
                         bool begins, bool ends)
{
    struct redis_exchange *x = t->state;
    if (begins)
        begin_argument(t, q, text);
    if (!q->hidden)
        add(t, &x->query, text, &x->query_cut);
    if (begins && ends && q->index == q->words)
        keep_word(q, text);
    if (ends)
        end_argument(x, q);
}

// ── answers ──

static struct span text_of(const struct transaction *t, const struct redis_token *token)
{
    const struct redis_exchange *x = t->state;
    bool data = token->type == '$' || token->type == '=';
    bool secret = x->hides_next || (x->command && x->command->role == REDIS_SECRET_ANSWER);
    if (token->type == '_')
        return (struct span)SPAN("nil");
    if (token->type == '#')
        return span_text(token->text.len && token->text.at[0] == 't' ? "true" : "false");
    if (!(data && settings_of(t)->redact_values) && !(secret && !conn_is_compat(t->conn)))
        return token->text;
    return token->begins ? hidden_text : span_of(NULL, 0);
}

static void add_reply(struct transaction *t, struct span text)
{
    struct redis_exchange *x = t->state;
    add(t, &x->reply, text, &x->reply_cut);
}

// Between this token and the one in front of it.
static void add_comma(struct transaction *t, const struct redis_token *token)
{
    if (!token->index)
        return;
    bool value = (token->in == '%' || token->in == '|') && token->index % 2;
    add_reply(t, value ? (struct span)SPAN(": ") : (struct span)SPAN(", "));
}

static void add_brackets(struct transaction *t, const struct redis_parser *p,
                         const struct redis_token *token)
{
    for (unsigned level = p->depth + token->closed; level-- > p->depth;)
        add_reply(t, p->open[level].type == '%' ? (struct span)SPAN("}") : (struct span)SPAN("]"));
}

static bool is_list(const struct redis_token *token)
{
    return token->type == '*' || token->type == '%' || token->type == '~' || token->type == '>';
}

static void begin_list(struct transaction *t, const struct redis_token *token)
{
    struct span both = token->type == '%' ? (struct span)SPAN("{}") : (struct span)SPAN("[]");
    if (token->flat)
        return;
    add_comma(t, token);
    add_reply(t, token->count ? span_first(both, 1) : both);
}

// CONFIG GET answers with names and values in turn.
static void watch_parameter(struct redis_exchange *x, const struct redis_token *token)
{
    x->hides_next = x->command && x->command->role == REDIS_CONFIG_GET && token->in &&
                    token->index % 2 == 0 && is_secret_parameter(token->text);
}

static void add_value(struct transaction *t, const struct redis_token *token)
{
    struct redis_exchange *x = t->state;
    struct span text = text_of(t, token);
    if (token->begins)
        add_comma(t, token);
    uint32_t at = x->reply.len;
    add_reply(t, text);
    if (token->ends)
        watch_parameter(x, token);
    if (token->ends && x->channel && !--x->channel && token->type != '_')
        x->argument = (struct redis_part){at, x->reply.len - at};
}

// All of an answer that is published before its bytes go needs no copy.
static bool may_be_viewed(const struct transaction *t, const struct redis_token *token)
{
    const struct redis_exchange *x = t->state;
    return t->asked && token->begins && token->last && !x->replied && x->confirmations <= 1;
}

static void view_reply(struct transaction *t, const struct redis_token *token)
{
    struct redis_exchange *x = t->state;
    struct span text = text_of(t, token);
    size_t most = (size_t)settings_of(t)->max_body;
    x->reply_cut = text.len > most;
    x->view = span_first(text, most);
}

void redis_keep_reply(struct transaction *t, const struct redis_parser *p,
                      const struct redis_token *token)
{
    struct redis_exchange *x = t->state;
    if (token->aside)
        return;
    if (!token->in && token->begins) {
        x->error = token->type == '-' || token->type == '!';
        x->queued = token->type == '+' && span_is(token->text, (struct span)SPAN("QUEUED"));
    }
    if (may_be_viewed(t, token)) {
        view_reply(t, token);
        return;
    }
    if (x->replied && x->between && !token->in)
        add_reply(t, (struct span)SPAN(", "));
    if (is_list(token))
        begin_list(t, token);
    else if (token->text.len || token->ends)
        add_value(t, token);
    if (token->closed)
        add_brackets(t, p, token);
    x->replied = true;
    x->between = token->last;
}
