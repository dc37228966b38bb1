// SPDX-License-Identifier: Apache-2.0
// Lists as JSON, item by item. One byte of the place is kept for the bracket at the end.
#include "probe/proto/tls_list.h"

#include "probe/proto/tls_names.h"

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

bool tls_list_end(struct event *e, int field, struct pen *list)
{
    if (list->at == list->start)
        return false;
    *list->at++ = ']';
    struct span copy = arena_copy(&e->scratch, pen_written(list));
    e->lost |= !copy.at;
    if (copy.at)
        event_json(e, field, copy);
    return true;
}
