# SPDX-License-Identifier: Apache-2.0
"""A disk that can be filled."""
import contextlib
import pathlib
import subprocess


@contextlib.contextmanager
def small_disk(kib):
    """A file system of its own in a mount namespace: its path seen from outside, and the words that
    run a command inside. (None, ()) where that is not permitted."""
    script = f"mount -t tmpfs -o size={kib}k none /mnt && echo ready && exec cat"  # as long as we live
    holder = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        if holder.stdout.readline() != b"ready\n":
            yield None, ()
        else:
            yield (pathlib.Path(f"/proc/{holder.pid}/root/mnt"),
                   ("nsenter", "-t", str(holder.pid), "-m", "--wd=/"))
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()
