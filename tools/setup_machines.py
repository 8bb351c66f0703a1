#!/usr/bin/env python3
"""Fetches newer emulators and kernels, and writes the file of the machines that use them.

    setup_machines.py FOLDER --all|MACHINE...

tools/machines.json lists the packages and the machines. FOLDER gets a folder for each group of packages, and
machines.json. The file of that folder's name in tools/pins has the packages that the group had when it was tried. To
renew it, copy `packages` of the new folder there. If a group cannot be fetched, the machines that need it are left out, with a message. The exit code is 1
if a machine that was named is left out. A machine of the program's own table can be named, too: a group of packages
says that it is `for` it.
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
    pins = (TOOLS / "pins" / group["folder"]).read_text()
    return subprocess.run(command, check=False, input=pins, text=True).returncode == 0


def needed_by(machine):
    return {machine[member] for member in ("emulator", "kernel") if member in machine}


def main(folder, wanted):
    everything = "--all" in wanted
    listed = json.loads((TOOLS / "machines.json").read_text())
    folder = pathlib.Path(folder)
    needs = {each["name"]: needed_by(each) for each in listed["machines"]}
    needs |= {group["for"]: {group["folder"]} for group in listed["packages"] if "for" in group}
    unknown = set(wanted) - needs.keys() - {"--all"}
    if unknown:
        sys.exit(f"setup_machines.py: no machine {', '.join(sorted(unknown))} in tools/machines.json")
    wanted = list(needs) if everything else wanted
    needed = set().union(*(needs[name] for name in wanted))
    missing = {group["folder"] for group in listed["packages"]
               if group["folder"] in needed and not fetch(group, folder)}
    usable = [each for each in listed["machines"] if all((folder / part).is_dir() for part in needed_by(each))]
    for name in wanted:
        if lacking := missing & needs[name]:
            print(f"dev: no machine {name}: {', '.join(sorted(lacking))} could not be downloaded", file=sys.stderr)
    scratch = folder / "machines.json.unfinished"
    scratch.write_text(json.dumps({"machines": usable}, indent=1) + "\n")
    scratch.rename(folder / "machines.json")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
