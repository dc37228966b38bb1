// SPDX-License-Identifier: Apache-2.0
// urldecode: undoes the escapes of URLs: %2F and, as in queries, + for a blank.

#include "pipeline/action.h"

// The text without escapes, in place of `pen`; false: one is broken.
static bool decode(struct span text, struct pen *pen)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.at[i];
        if (byte == '%') {
            int high = i + 2 < text.len ? text_hex_digit(text.at[i + 1]) : -1;
            int low = high >= 0 ? text_hex_digit(text.at[i + 2]) : -1;
            if (low < 0)
                return false;
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (byte == '+') {
            byte = ' ';
        }
        pen_byte(pen, byte);
    }
    return true;
}

static const char *decode_one(const struct action *a, const struct action_step *step,
                              struct event *e)
{
    struct span text = event_string(e, &step->from);
    (void)a;
    if (!text.at)
        return "it is no text";
    struct pen pen = event_pen(e, text.len + 1);
    if (!decode(text, &pen))
        return "it has a broken escape";
    if (pen.full)
        return "there is no memory";
    event_put(e, &step->to, value_text(pen_written(&pen)));
    return NULL;
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    return action_of_pairs(settings, "decode", decode_one, true, place, why);
}

const struct processor processor_urldecode = {
    .name = "urldecode",
    .meaning = "Undoes the escapes of URLs",
    .settings = action_pairs,
    .settings_size = sizeof(struct action_pairs),
    .names = action_pairs_names,
    .create = create,
    .run = action_run,
};
