// SPDX-License-Identifier: Apache-2.0
// One mkdir for each part of the path, from the top; those that exist are passed by.
#include "pipeline/base/directory.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static bool make_one(const char *path, mode_t mode)
{
    struct stat there;
    if (mkdir(path, mode) == 0)
        return true;
    if (errno != EEXIST && errno != EROFS && errno != EACCES)
        return false;
    int first = errno;
    if (stat(path, &there) == 0 && S_ISDIR(there.st_mode))
        return true;
    errno = first == EEXIST ? ENOTDIR : first;
    return false;
}

bool directory_make(const char *path, mode_t mode)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof part) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(part, path, len + 1);
    for (char *slash = strchr(part + 1, '/'); len && slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (!make_one(part, mode))
            return false;
        *slash = '/';
    }
    return make_one(part, mode);
}
