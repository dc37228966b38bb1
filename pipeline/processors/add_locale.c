// SPDX-License-Identifier: Apache-2.0
// add_locale: the time zone of this machine at the time of the document.

#include "pipeline/base/clock.h"
#include "pipeline/processor.h"
#include "pipeline/zone.h"

enum form { OFFSET, ABBREVIATION };

struct add_locale_settings {
    int format;
};

static const char *const forms[] = {"offset", "abbreviation", NULL};

static const struct setting settings_table[] = {
    {"format", SETTING_CHOICE, offsetof(struct add_locale_settings, format), "offset",
     .choices = forms, .meaning = "+02:00, or the abbreviation of the zone, CEST"},
    SETTING_END};

static const struct field fields[] = {
    {"event.timezone", FIELD_KEYWORD, "Time zone of the probe", 0},
};
static const struct field_table table = {"add_locale", NULL, fields, 1};

struct add_locale {
    enum form form;
    const struct zone *zone;
    struct field_path path;
};

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct add_locale_settings *given = settings;
    struct add_locale *self = arena_alloc(place->arena, sizeof *self);
    if (!self) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    self->form = (enum form)given->format;
    self->zone = zone_read("Local", place->arena, why);
    self->path = schema_path(place->schema, fields[0].name, place->arena);
    return self->zone ? self : NULL;
}

static bool run(const void *self, struct event *e)
{
    const struct add_locale *locale = self;
    struct zone_offset offset = zone_at(locale->zone, e->time / SECOND);
    int minutes = (offset.seconds < 0 ? -offset.seconds : offset.seconds) / 60;
    const char *text = locale->form == ABBREVIATION ? offset.abbreviation
                                                    : arena_printf(&e->scratch, "%c%02d:%02d",
                                                                   offset.seconds < 0 ? '-' : '+',
                                                                   minutes / 60, minutes % 60);
    if (text)
        event_put(e, &locale->path, value_text(span_text(text)));
    return true;
}

const struct processor processor_add_locale = {
    .name = "add_locale",
    .meaning = "Adds the time zone of the probe",
    .settings = settings_table,
    .settings_size = sizeof(struct add_locale_settings),
    .fields = &table,
    .create = create,
    .run = run,
};
