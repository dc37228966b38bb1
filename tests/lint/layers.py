#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom: holds the table below against the #include "…" lines of the tree.

A file includes its own folder and what its row allows; paths are written from the root.
"""
import pathlib
import re
import sys

MEETING = "frame packet protocol conn transaction endpoints emit common conns tunnels slice".split()
MEET = {f"probe/{name}.h" for name in MEETING} | {"probe/common.def"}
OPEN = {"config/error.h", "config/setting.h", "config/config.h"}

# folder of the file → folders and files it may include besides its own folder
ALLOWED = {
    "pipeline/base": set(),
    "config": {"pipeline/base"},
    "pipeline": {"config", "pipeline/base", "pipeline/processors"},
    "pipeline/processors": {"config", "pipeline/base", "pipeline"},
    "probe": {"pipeline", "pipeline/base"} | OPEN | MEET,
    "probe/capture": {"probe/frame.h", "pipeline/base"} | OPEN,
    "probe/decode": {"probe/frame.h", "probe/packet.h", "pipeline/base"} | OPEN,
    "probe/flow": {"pipeline", "pipeline/base"} | OPEN | MEET,
    "probe/proto": {"pipeline", "pipeline/base"} | OPEN | MEET,
    "outputs": {"pipeline/output.h", "pipeline/batch.h", "pipeline/field.h", "pipeline/base"} | OPEN,
}
EVERYTHING = {"probe/worker.c", "probe/worker.h", "probe/plan.c", "probe/plan_files.c",
              "probe/plan_settings.c", "probe/plan.h", "probe/main.c"}


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    wrong = 0
    for path in sorted(root.rglob("*.[chd]*")):
        name = path.relative_to(root).as_posix()
        folder = name.rpartition("/")[0]
        if path.suffix not in (".c", ".h", ".def") or name.startswith(("build", "tests/")):
            continue
        if name in EVERYTHING or folder == "probe/cli":
            continue
        allowed = ALLOWED.get(folder)
        if allowed is None:
            print(f"{name}: no row for this folder in tests/lint/layers.py")
            wrong += 1
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not found:
                continue
            target = found.group(1)
            home = target.rpartition("/")[0]
            if not (root / target).is_file():
                print(f"{name}:{number}: {target} is not a path from the root")
                wrong += 1
            elif home != folder and home not in allowed and target not in allowed:
                print(f"{name}:{number}: {folder} may not include {target}")
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
