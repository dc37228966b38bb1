// SPDX-License-Identifier: Apache-2.0
// Directories: made with all that is missing above them.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

// Makes `path` and its parents as far as they are missing, each with `mode` less the umask. False:
// errno says why not; what was made by then stays.
bool directory_make(const char *path, mode_t mode);
