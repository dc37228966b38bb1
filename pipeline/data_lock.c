// SPDX-License-Identifier: Apache-2.0
// flock on weir.lock. The file stays: who removed it could remove the one of somebody else. It
// holds the number of the process, for the sentence that the second one says.
#include "pipeline/data_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static bool refuse(int fd, const char *directory, struct error *why)
{
    char number[16] = "";
    ssize_t len = pread(fd, number, sizeof number - 1, 0);
    long process = len > 0 ? strtol(number, NULL, 10) : 0;
    return error_set(why,
                     "path.data %.400s is in use by another process (%ld): give each a path.data "
                     "of its own",
                     directory, process);
}

bool data_lock_take(const char *directory, int *fd, struct error *why)
{
    char path[PATH_MAX], number[16];
    *fd = -1;
    int len = snprintf(path, sizeof path, "%s/weir.lock", directory);
    if (len < 0 || (size_t)len >= sizeof path)
        return true;
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0)
        return true;
    if (flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        refuse(lock, directory, why);
        close(lock);
        return false;
    }
    len = snprintf(number, sizeof number, "%d\n", (int)getpid());
    bool written = ftruncate(lock, 0) == 0 && pwrite(lock, number, (size_t)len, 0) == len;
    (void)written; // it only makes the sentence better
    *fd = lock;
    return true;
}

void data_lock_give(int fd)
{
    if (fd >= 0)
        close(fd);
}
