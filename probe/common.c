// SPDX-License-Identifier: Apache-2.0
// The table of the shared fields, those of tunnels, and the settings that every protocol shares.

#include "probe/common.h"

#include "pipeline/event.h"
#include "probe/protocol.h"

static const struct field common_fields[] = {
#define FIELD(id, name, type, flags, meaning) {name, type, meaning, flags},
#include "probe/common.def"
#undef FIELD
};

const struct field_table common_table = {"common", NULL, common_fields, COMMON_FIELDS};

static struct value tunnel_name(uint8_t kind)
{
    static const char *const names[] = {
#define TUNNEL(id, name) name,
#include "probe/tunnels.def"
#undef TUNNEL
    };
    return value_text(span_text(names[kind]));
}

void common_tunnels(struct event *e, const struct tunnels *t)
{
    if (t->count == 1)
        *event_slot(e, F_NETWORK_TUNNEL_TYPE) = tunnel_name(t->kind[0]);
    for (int i = 0; t->count > 1 && i < 2; i++)
        event_add(e, F_NETWORK_TUNNEL_TYPE, tunnel_name(t->kind[i]));
    if (t->count && t->has_id)
        event_number(e, F_NETWORK_TUNNEL_ID, t->id);
}

const struct setting common_settings[] = {
    {"type", SETTING_TEXT, offsetof(struct common_settings, type), .meaning = "Which protocol"},
    {"enabled", SETTING_BOOL, offsetof(struct common_settings, enabled), "true",
     .meaning = "Whether the protocol is followed"},
    {"ports", SETTING_NUMBERS, offsetof(struct common_settings, ports), NULL, 1, 65535,
     .meaning = "Ports whose traffic belongs to the protocol: numbers, or ranges like 8000-8010"},
    {"detect", SETTING_BOOL, offsetof(struct common_settings, detect), "true",
     .meaning = "Recognise it by its first bytes on other ports too; false under compat"},
    {"send_request", SETTING_BOOL, offsetof(struct common_settings, send_request), "false",
     .meaning = "Write the question as it was sent into request"},
    {"send_response", SETTING_BOOL, offsetof(struct common_settings, send_response), "false",
     .meaning = "Write the answer as it was sent into response"},
    {"transaction_timeout", SETTING_DURATION, offsetof(struct common_settings, transaction_timeout),
     "10s", 1, INT64_MAX, .meaning = "How long a question waits for its answer"},
    {"index", SETTING_TEXT, offsetof(struct common_settings, index),
     .meaning = "Index for these documents, an event format string"},
    {"fields", SETTING_NODE, offsetof(struct common_settings, fields),
     .meaning = "Fields added to each document"},
    {"fields_under_root", SETTING_BOOL, offsetof(struct common_settings, fields_under_root),
     "false", .meaning = "Put them at the root instead of below fields"},
    {"keep_null", SETTING_BOOL, offsetof(struct common_settings, keep_null), "false",
     .meaning = "Write added fields whose value is null"},
    {"tags", SETTING_TEXTS, offsetof(struct common_settings, tags),
     .meaning = "Tags added to each document"},
    {"processors", SETTING_NODE, offsetof(struct common_settings, processors),
     .meaning = "Processors for these documents, before the global ones"},
    {"interface.device", SETTING_TEXT, offsetof(struct common_settings, interface_device),
     .meaning = "Only traffic of this device, when several are captured"},
    SETTING_END};
