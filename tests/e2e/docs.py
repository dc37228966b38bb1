#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The reference pages of the manual are what the program prints from its own tables.

    tests/e2e/docs.py            compares
    tests/e2e/docs.py --accept   writes them anew
"""
import difflib
import functools
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import probe  # noqa: E402

PAGES = {"settings.md": ["help", "settings"], "fields.md": ["export", "fields"],
         "counters.md": ["help", "counters"]}


def printed(words):
    done = subprocess.run([probe.WEIR, *words], capture_output=True, timeout=probe.SECONDS)
    probe.check_end(done.returncode, done.stderr.decode(), 0, [probe.WEIR, *words])
    return done.stdout.decode()


def check(name, words, accept):
    page, now = probe.ROOT / "docs" / name, printed(words)
    if accept:
        page.write_text(now)
    before = page.read_text() if page.exists() else ""
    lines = list(difflib.unified_diff(before.splitlines(), now.splitlines(), f"docs/{name}",
                                      f"weir {' '.join(words)}", n=0, lineterm=""))
    probe.want(not lines, "\n".join(["out of date, write it with --accept:", *lines[:30]]))


def main():
    accept = "--accept" in sys.argv[1:]
    suite = probe.Suite([word for word in sys.argv[1:] if word != "--accept"])
    for name, words in PAGES.items():
        suite.add("docs", name, functools.partial(check, name, words, accept))
    return 0 if suite.run() else 1


sys.exit(main())
