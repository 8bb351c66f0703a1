#!/usr/bin/env python3
"""Fetches newer emulators and kernels, and writes the file of the machines that use them.

    setup_machines.py FOLDER [MACHINE...]

tools/machines.json lists the packages and the machines. FOLDER gets a folder for each group of packages, and
machines.json. If a group cannot be fetched, the machines that need it are left out, with a message. The exit code is 1
if a machine that was named is left out.
"""

import json
import pathlib
import subprocess
import sys

TOOLS = pathlib.Path(__file__).resolve().parent


def fetch(group, folder):
    """Fetches a group of packages if it is not there, and returns whether it is there now."""
    to = folder / group["folder"]
    if to.is_dir():
        return True
    print(f"dev: downloading {' '.join(group['names'])} of Debian {group['suite']} into {to}", file=sys.stderr)
    to.parent.mkdir(parents=True, exist_ok=True)
    command = [TOOLS / "fetch_packages.sh", group["suite"], to, group["program"], *group["names"]]
    return subprocess.run(command, check=False).returncode == 0


def main(folder, wanted):
    listed = json.loads((TOOLS / "machines.json").read_text())
    folder = pathlib.Path(folder)
    machines = [each for each in listed["machines"] if not wanted or each["name"] in wanted]
    unknown = set(wanted) - {each["name"] for each in machines}
    if unknown:
        sys.exit(f"setup_machines.py: no machine {', '.join(sorted(unknown))} in tools/machines.json")
    needed = {each.get(member) for each in machines for member in ("emulator", "kernel")}
    missing = {group["folder"] for group in listed["packages"]
               if group["folder"] in needed and not fetch(group, folder)}
    usable = []
    for machine in listed["machines"]:
        parts = [machine[member] for member in ("emulator", "kernel") if member in machine]
        if all((folder / part).is_dir() for part in parts):
            usable.append(machine)
    for machine in machines:
        lacking = missing & {machine.get("emulator"), machine.get("kernel")}
        if lacking:
            print(f"dev: no machine {machine['name']}: {', '.join(sorted(lacking))} could not be downloaded",
                  file=sys.stderr)
    scratch = folder / "machines.json.unfinished"
    scratch.write_text(json.dumps({"machines": usable}, indent=1) + "\n")
    scratch.rename(folder / "machines.json")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
