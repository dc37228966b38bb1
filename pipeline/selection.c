// SPDX-License-Identifier: Apache-2.0
// Names and expressions bound to ranks. A field named at run time is part of the value of the field
// that holds it, so it is searched for in that value.

#include "pipeline/selection.h"

#include "pipeline/regexp.h"

static void set_bits(struct selection *sel, unsigned first, unsigned last, bool to)
{
    for (unsigned rank = first; rank <= last; rank++) {
        uint64_t bit = UINT64_C(1) << (rank & 63);
        sel->ranks[rank >> 6] = to ? sel->ranks[rank >> 6] | bit : sel->ranks[rank >> 6] & ~bit;
    }
}

static void set_path(struct selection *sel, const struct field_path *path, bool to)
{
    if (path->first <= path->last) {
        set_bits(sel, path->first, path->last, to);
        set_bits(sel, path->literal, path->literal, to); // the last rank is never set in earnest
    }
}

void selection_remove(struct selection *sel, const struct field_path *path)
{
    set_path(sel, path, false);
}

void selection_add(struct selection *sel, const struct field_path *path)
{
    set_path(sel, path, true);
}

static bool is_expression(const char *name)
{
    size_t len = strlen(name);
    return len > 2 && name[0] == '/' && name[len - 1] == '/';
}

static bool may_hold(const struct field *field)
{
    return field->type == FIELD_OBJECT;
}

// All values whose names match; objects are selected by what is inside them.
static void add_matching(struct selection *sel, const struct regexp *r, const struct schema *s)
{
    struct regexp_room *room = NULL;
    for (unsigned rank = schema_body(s); rank < schema_size(s) - 1; rank++) {
        const struct field *field = schema_field(s, rank);
        if (!may_hold(field) && regexp_matches(r, span_text(field->name), &room))
            set_bits(sel, rank, rank, true);
    }
    regexp_room_free(room);
}

static bool add_expression(struct selection *sel, const char *name, const struct schema *s,
                           struct arena *a, struct error *why)
{
    char *inside = arena_printf(a, "%.*s", (int)strlen(name) - 2, name + 1);
    struct regexp *r = inside ? regexp_compile(inside, a, why) : NULL;
    if (!r)
        return false;
    add_matching(sel, r, s);
    sel->regexps[sel->regexp_count++] = r;
    return true;
}

bool selection_read(struct selection *out, const struct setting_texts *names,
                    const struct schema *s, struct arena *a, struct error *why)
{
    size_t count = (size_t)names->count + 1;
    *out = (struct selection){.words = (schema_size(s) + 63) / 64};
    out->ranks = arena_alloc(a, out->words * sizeof *out->ranks);
    out->members = arena_alloc(a, count * sizeof *out->members);
    out->regexps = arena_alloc(a, count * sizeof *out->regexps);
    if (!out->ranks || !out->members || !out->regexps)
        return error_set(why, "no memory for the names of fields");
    for (int i = 0; i < names->count; i++) {
        if (is_expression(names->at[i])) {
            if (!add_expression(out, names->at[i], s, a, why))
                return false;
            continue;
        }
        struct field_path path = schema_path(s, names->at[i], a);
        if (path.inside)
            out->members[out->member_count++] = path;
        else
            selection_add(out, &path);
    }
    return true;
}

// ── members of one event ─────────────────────────────────────────────────────────────────────────

struct search {
    const struct selection *sel;
    struct event *e;
    unsigned holder;
    struct selected *found;
};

static void found(struct search *s, struct span inside)
{
    struct selected *one = arena_alloc(&s->e->scratch, sizeof *one);
    struct span kept = arena_copy(&s->e->scratch, inside);
    if (!one || !kept.at) {
        s->e->lost = true;
        return;
    }
    uint16_t never = (uint16_t)(s->e->size - 1);
    one->path = (struct field_path){1, 0, never, (uint16_t)s->holder, (const char *)kept.at, ""};
    one->next = s->found;
    s->found = one;
}

static bool matches_any(struct search *s, struct span name)
{
    for (int i = 0; i < s->sel->regexp_count; i++)
        if (regexp_matches(s->sel->regexps[i], name, &s->e->room))
            return true;
    return false;
}

// `name` holds the full name of what `tree` is in, `inside` of its bytes being that of the holder.
static void search_tree(struct search *s, const struct tree_item *tree, struct span name,
                        size_t holder_length, int depth)
{
    for (const struct tree_item *i = tree; i && depth < EVENT_TREE_DEPTH; i = i->next) {
        struct pen pen = event_pen(s->e, name.len + 1 + i->key.len);
        pen_raw(&pen, name);
        pen_byte(&pen, '.');
        pen_raw(&pen, i->key);
        struct span full = pen_written(&pen);
        if (pen.full)
            return;
        if (i->value.kind == VALUE_TREE)
            search_tree(s, i->value.tree, full, holder_length, depth + 1);
        else if (matches_any(s, full))
            found(s, span_skip(full, holder_length + 1));
    }
}

struct selected *selection_members(const struct selection *sel, struct event *e)
{
    struct search s = {.sel = sel, .e = e};
    for (int i = 0; i < sel->member_count; i++)
        if (event_value(e, &sel->members[i])) {
            s.holder = sel->members[i].holder;
            found(&s, span_text(sel->members[i].inside));
        }
    for (unsigned rank = 0; sel->regexp_count && rank < e->size - 1; rank++)
        if (e->set[rank >> 6] >> (rank & 63) & 1 && e->values[rank].kind == VALUE_TREE) {
            struct span name = span_text(schema_field(e->schema, rank)->name);
            s.holder = rank;
            search_tree(&s, e->values[rank].tree, name, name.len, 0);
        }
    return s.found;
}
