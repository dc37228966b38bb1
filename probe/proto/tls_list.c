// SPDX-License-Identifier: Apache-2.0
// Lists as JSON, item by item. One byte of the place is kept for the bracket at the end.
#include "probe/proto/tls_list.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/reader.h"

struct pen tls_list_begin(void *place, size_t size)
{
    return pen_of(place, size - 1);
}

uint8_t *tls_list_item(struct pen *list)
{
    uint8_t *before = list->at;
    pen_byte(list, list->at == list->start ? '[' : ',');
    return before;
}

bool tls_list_item_end(struct pen *list, uint8_t *before)
{
    if (!list->full)
        return true;
    list->at = before;
    list->full = false;
    return false;
}

void tls_list_text(struct pen *list, struct span text)
{
    uint8_t *before = tls_list_item(list);
    pen_text(list, text);
    tls_list_item_end(list, before);
}

void tls_list_name(struct pen *list, struct span name, unsigned number, unsigned digits)
{
    uint8_t *before = tls_list_item(list);
    pen_byte(list, '"');
    tls_names_put(list, name, number, digits);
    pen_byte(list, '"');
    tls_list_item_end(list, before);
}

// Empty: there is no item.
static struct span ended(struct pen *list)
{
    if (list->at != list->start)
        *list->at++ = ']';
    return pen_written(list);
}

static bool put(struct event *e, int field, struct span text)
{
    if (!text.len)
        return false;
    struct span copy = arena_copy(&e->scratch, text);
    e->lost |= !copy.at;
    if (copy.at)
        event_json(e, field, copy);
    return true;
}

bool tls_list_end(struct event *e, int field, struct pen *list)
{
    return put(e, field, ended(list));
}

// ── numbers ──

enum { LIST_BYTES = 16 << 10, KEPT = 64, KEPT_NUMBERS = 256, KEPT_TEXT = 3 << 10 };

// A list that was written before; a later one may take its place.
struct kept {
    tls_namer *name; // NULL: none was
    bool compat;
    uint16_t numbers_len, text_len;
    uint8_t numbers[KEPT_NUMBERS], text[KEPT_TEXT];
};

// NULL: it is too long to be kept, or there is no memory.
static struct kept *place_of(struct event *e, struct span numbers, tls_namer *name)
{
    static const char owner;
    if (numbers.len > KEPT_NUMBERS)
        return NULL;
    struct kept *all = event_keep(e, &owner, KEPT * sizeof *all, NULL);
    uint64_t hash = hash_bytes(numbers.at, numbers.len, hash_seed() ^ (uintptr_t)name);
    return all ? &all[hash % KEPT] : NULL;
}

static bool is_kept(const struct kept *k, struct span numbers, tls_namer *name, bool compat)
{
    return k->name == name && k->compat == compat &&
           span_is(numbers, span_of(k->numbers, k->numbers_len));
}

static void keep(struct kept *k, struct span numbers, tls_namer *name, bool compat,
                 struct span text)
{
    if (text.len > KEPT_TEXT)
        return;
    k->name = name;
    k->compat = compat;
    k->numbers_len = (uint16_t)numbers.len;
    k->text_len = (uint16_t)text.len;
    memcpy(k->numbers, numbers.at, numbers.len);
    memcpy(k->text, text.at, text.len);
}

bool tls_list_numbers(struct event *e, int field, struct span numbers, tls_namer *name, bool compat)
{
    struct kept *k = numbers.len ? place_of(e, numbers, name) : NULL;
    if (k && is_kept(k, numbers, name, compat))
        return put(e, field, span_of(k->text, k->text_len));
    uint8_t place[LIST_BYTES];
    struct pen list = tls_list_begin(place, sizeof place);
    struct reader r = reader_of(numbers);
    while (reader_left(&r) >= 2) {
        uint16_t number = reader_be16(&r);
        if (!tls_is_grease(number))
            tls_list_name(&list, name(number, compat), number, 4);
    }
    struct span text = ended(&list);
    if (k)
        keep(k, numbers, name, compat, text);
    return put(e, field, text);
}
