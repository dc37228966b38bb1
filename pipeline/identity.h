// SPDX-License-Identifier: Apache-2.0
// Who writes the documents: ids, name and versions, as they stand in agent.*, host.name and
// ecs.version. The id of an installation is kept in <path.data>/meta.json.
#pragma once

#include <stdbool.h>

#include "pipeline/base/arena.h"

enum { UUID = 36 };

struct identity {
    char id[UUID + 1];           // of this installation
    char ephemeral_id[UUID + 1]; // of this run
    char name[256];
    const char *type, *version, *ecs_version;
};

// `name`: the setting; NULL or empty: the host's name. An id that cannot be read or kept is one for
// this run, with one warning in the log; without `path_data` it always is, silently. The arena is
// for reading the file.
void identity_read(struct identity *i, const char *name, const char *path_data, bool compat,
                   struct arena *a);
