#!/usr/bin/env python3
"""Examines the machines of tools/machines.json, and writes docs/reference/machine-matrix.md.

    machine_matrix.py GATECRASH RESULTS [--fresh] [--page FILE] [--doctor-only] [MACHINE...]

Runs `doctor`, the variants below and a sweep of Linux on each machine. RESULTS is a folder that keeps the documents. What it has is not
run again, unless --fresh empties it first. With --page, the script writes the page from all documents in that folder.
The exit code is 1 if a machine that should be fit is not, or if a verdict is not the expected one. It is also 1 if
counts differ from those of the first machine of the vendor, and COUNTS has no cause that is true there. The same holds
for a cause in COUNTS that explains nothing.
"""

import argparse
import fnmatch
import json
import pathlib
import re
import shutil
import subprocess
import sys

TOOLS = pathlib.Path(__file__).resolve().parent
VARIANTS = ["nested-nmi", "faulting*", "reference32*", "sysret*", "entry-stack*"]
# Each machine sweeps these of the Linux kernel that `./dev setup` downloads.
WORKLOADS = "getpid,page-fault,nmi-user"
# Cases that other machines skip.
ALSO = {"intel-tigerlake": ["shadow-stack"]}
TABLE = [
    {"name": "amd", "like": "amd", "summary": "QEMU 7.2 of Debian 12"},
    {"name": "intel", "like": "intel", "summary": "Bochs 3.0"},
]
# Machines that must be unfit, with the behaviour that says so, a part of the remedy, and the measurement that stops the
# machine.
UNFIT = {"intel-no-vnmi": ("nmi-mask-until-iret", "kvm_intel.vnmi=1", "watchdog-ends-loop")}
# Why sweeps have other counts than on the first machine of the vendor: machines, variants, and all causes. A cause is a
# behaviour that differs there. machine-differences.md explains them.
COUNTS = [
    ("intel-bochs-2.7", ["entry-stack/*", "reference32/whole"], ["rf-between-iterations"]),
    ("amd-qemu-1?*", ["nested-nmi/copied-frame", "nested-nmi/copied-frame-breakpoint"], ["rf-in-trap-frames"]),
    ("amd-qemu-1?*",
     ["entry-stack/copies-before-switch", "entry-stack/switches-before-copy", "entry-stack/handler-sleeps",
      "entry-stack/espfix-base-in-per-cpu-data", "entry-stack/gdt-of-firmware"],
     ["step-over-rep"]),
    ("amd-qemu-1?*",
     ["entry-stack/returns-to-kernel-cr3-db", "entry-stack/dirty-cs", "entry-stack/vm86", "entry-stack/whole-frames",
      "entry-stack/asserts-cr3", "reference32/whole"],
     ["rf-between-iterations", "step-over-rep"]),
    ("amd-qemu-1?*", ["entry-stack/reference", "entry-stack/frame-stays"],
     ["rf-between-iterations", "step-over-rep", "rf-in-segment-fault-frames"]),
]

HEAD = """# Machine matrix

gatecrash was tried on these machines. `./dev setup --machines` fetches what they need, and
`tools/machine_matrix.py` made this page from the documents of `doctor` and `run`. The versions of
the emulators and kernels are those of the day on which the page was made.

- **Differs**: behaviours whose answers differ from those of the first machine of that vendor, `amd`
  or `intel`. [Behaviours](behaviours.md) says what they are. The mark is `+` where this machine
  does what the manuals say and the first one does not, and `-` for the opposite. It is `~` where
  both do something else, or each gives another answer that the manuals allow.
- **Variants**: how many of `nested-nmi`, `faulting-iret`, `reference32`, `sysret` and `entry-stack`
  gave the expected verdict. On `intel-tigerlake`, `shadow-stack` is one of them. Then those follow
  that were skipped, and how many had [other counts](#other-counts). A dash means that they were
  not run.
- **Linux**: how many workloads of the kernel that `./dev setup` downloads hold with an NMI at each
  boundary. They are `getpid`, `page-fault` and `nmi-user`. Each machine boots that kernel anew, and
  [two boots differ](../explanation/linux-kernels.md#the-kernel-boots-once) a little. So their
  counts are not compared.
- **Seconds**: how long the sweeps of the variants, and after the plus those of Linux, took by the
  machine's own clock. Compare them only among machines with the same emulator, and only roughly.
  QEMU's clock is that of the host, and other work there makes them several times as large. Bochs
  counts 50 million instructions as a second. None of them tells how fast a real host is.

| machine | what it is | fit | differs | variants | Linux | seconds |
|---|---|---|---|---|---|---|
"""

COUNTS_HEAD = """
## Other counts

These variants had other counts of boundaries, schedules or findings than on the first machine of
the vendor. [Machine differences](machine-differences.md#why-counts-differ) has the causes.

| machines | causes | variants |
|---|---|---|
"""

ANSWERS = """
## Answers side by side

Not all machines answer these behaviours alike. A row has one answer. A column has the machines that
give the same answers to all behaviours, and is named after the first of them. The marks are:

- `+`: the manuals of the vendor allow the answer that these machines gave;
- `o`: they do not, and some real machines of the vendor are known to answer so, too;
- `-`: they do not.

"""


def run(command, document):
    """Runs a command that writes a document, unless the document is there."""
    if not document.exists():
        scratch = document.with_suffix(".unfinished")
        subprocess.run([*command, "--quiet", "--json", scratch], check=False, stdout=subprocess.DEVNULL)
        if scratch.exists():
            scratch.rename(document)
    return json.loads(document.read_text()) if document.exists() else None


def load(folder, name, kind):
    path = folder / f"{name}.{kind}.json"
    return json.loads(path.read_text()) if path.exists() else None


def differing(doctor, first):
    """Returns the behaviours that differ, each with its mark."""
    here, there = doctor["machine"], first["machine"]
    marks = {}
    for name in sorted(there["behaviours"].keys() & here["behaviours"].keys()):
        if here["behaviours"][name] != there["behaviours"][name]:
            marks[name] = "+" if here["behaviours"][name] else "-"
        elif here["answers"][name] != there["answers"][name]:
            marks[name] = "~"
    return marks


def causes_of(machine, variant, differs):
    """Returns why this variant has other counts on a machine, or nothing if a recorded cause is not true there."""
    for machines, variants, causes in COUNTS:
        if fnmatch.fnmatchcase(machine, machines) and any(fnmatch.fnmatchcase(variant, each) for each in variants):
            return tuple(causes) if all(cause in differs for cause in causes) else ()
    return ()


def by_variant(results):
    return {f"{each['case']}/{each['variant']}": each for each in results["results"]}


def other_counts(results, first):
    """Lists the variants that are as expected on both machines, but with other counts."""
    here, there = by_variant(results), by_variant(first)
    return [name for name in here.keys() & there.keys() if here[name]["status"] == there[name]["status"] == "ok"
            and any(here[name][count] != there[name][count] for count in ("boundaries", "schedules", "findings"))]


def verdicts(results):
    """Describes what a run gave, and lists what was not expected."""
    variants = by_variant(results)
    good = [name for name, each in variants.items() if each["status"] == "ok"]
    skipped = [name for name, each in variants.items() if each["status"] == "skip"]
    bad = [name for name in variants if name not in good and name not in skipped]
    text = f"{len(good)} of {len(variants)}"
    if skipped:
        text += f"; skipped: {', '.join(skipped)}"
    if bad:
        text += f"; **not as expected**: {', '.join(bad)}"
    return text, [f"not as expected: {', '.join(bad)}"] if bad else []


def explanations(machine, folder):
    """Returns the variants that have other counts than on the first machine, by the causes of that. Unknown is ()."""
    name, like = machine["name"], machine["like"]
    documents = [load(folder, each, kind) for kind in ("run", "doctor") for each in (name, like)]
    if name == like or None in documents:
        return {}
    differs = differing(*documents[2:])
    groups = {}
    for variant in sorted(other_counts(*documents[:2])):
        groups.setdefault(causes_of(name, variant, differs), []).append(variant)
    return groups


def stale_counts(machine, folder):
    """Returns the variants that COUNTS has a cause for, and that have the same counts as on the first machine."""
    name, like = machine["name"], machine["like"]
    here, there = load(folder, name, "run"), load(folder, like, "run")
    if name == like or None in (here, there):
        return []
    others = other_counts(here, there)
    here, there = by_variant(here), by_variant(there)
    compared = [each for each in here.keys() & there.keys() if here[each]["status"] == there[each]["status"] == "ok"]
    patterns = [each for machines, variants, _ in COUNTS if fnmatch.fnmatchcase(name, machines) for each in variants]
    return [each for each in patterns if not fnmatch.filter(others, each) and
            (fnmatch.filter(compared, each) or not fnmatch.filter(there, each))]


def counts(machines, folder):
    """Describes the variants that have other counts, and the causes."""
    alike = {}
    for machine in machines:
        for causes, variants in explanations(machine, folder).items():
            alike.setdefault((causes, tuple(variants)), []).append(machine["name"])
    lines = []
    for (causes, variants), names in alike.items():
        words = [f"`{cause}`" for cause in causes] or ["**unknown**"]
        cells = (", ".join(texts) for texts in ([f"`{name}`" for name in names], words, [f"`{each}`" for each in variants]))
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def seconds(*documents):
    """Tells how long the sweeps of each document took, by the clock of the machine."""
    times = [sum(each["seconds"] for each in document["results"]) if document else None for document in documents]
    return " + ".join("-" if time is None else f"{time:.0f}" for time in times)


def examine(machine, arguments, folder):
    name = machine["name"]
    print(f"{name}: {machine['summary']}", flush=True)
    if name in UNFIT:
        refusal = folder / f"{name}.refused.txt"
        if not refusal.exists():
            command = [arguments.gatecrash, "run", "nested-nmi/flag-only", "--machine", name]
            refused = subprocess.run(command, check=False, capture_output=True, text=True)
            refusal.write_text(refused.stderr)
        diagnosis = folder / f"{name}.doctor.txt"
        if not diagnosis.exists():
            stopped = subprocess.run([arguments.gatecrash, "doctor", "--machine", name], check=False, capture_output=True,
                                     text=True)
            diagnosis.write_text(stopped.stdout + stopped.stderr)
        return
    run([arguments.gatecrash, "doctor", "--machine", name], folder / f"{name}.doctor.json")
    if not arguments.doctor_only:
        patterns = VARIANTS + ALSO.get(name, [])
        run([arguments.gatecrash, "run", *patterns, "--machine", name], folder / f"{name}.run.json")
        sweep = ["linux", "--workload", WORKLOADS, "--events", "nmi"]
        run([arguments.gatecrash, *sweep, "--machine", name], folder / f"{name}.linux.json")


def is_refused(name, folder):
    """Tells whether a command refused this machine for the expected reason, and gave the remedy."""
    behaviour, remedy, _ = UNFIT[name]
    refusal = folder / f"{name}.refused.txt"
    lines = refusal.read_text().splitlines() if refusal.exists() else []
    return any(f"cannot be used: {behaviour}:" in line and remedy in after for line, after in zip(lines, lines[1:]))


def is_diagnosed(name, folder):
    """Tells whether `doctor` showed that behaviour, and named the measurement that stopped the machine."""
    behaviour, _, last = UNFIT[name]
    diagnosis = folder / f"{name}.doctor.txt"
    text = diagnosis.read_text() if diagnosis.exists() else ""
    measured = re.findall(r"gatecrash: this machine is not fit\. Next it measures (\S+)", text)
    return f"differs  {behaviour} (basic)" in text and measured[-1:] == [last]


def row(machine, folder, doctor_only):
    """Returns the cells about a machine after its name, and what was not expected."""
    name, like, summary = machine["name"], machine["like"], machine["summary"]
    if name in UNFIT:
        is_expected = is_refused(name, folder)
        why = f"`-{UNFIT[name][0]}`" if is_expected else "**not refused for the expected reason**"
        faults = [] if is_expected else ["not refused for the expected reason"]
        if not is_diagnosed(name, folder):
            faults.append("`doctor` did not name the measurement that stops it")
        return [summary, "no", why, "-", "-", "-"], faults
    doctor, results, linux = (load(folder, name, kind) for kind in ("doctor", "run", "linux"))
    if doctor is None:
        return [summary, "**no answer**", "-", "-", "-", "-"], ["`doctor` gave no answer"]
    fit = all(each.get("fit", False) for each in doctor["machines"] if each["name"] == name)
    faults = [] if fit else ["not fit"]
    texts = []
    for document in (results, linux):
        text, bad = verdicts(document) if document else ("-", [] if doctor_only else ["something was not swept"])
        texts.append(text)
        faults += bad
    groups = explanations(machine, folder)
    if groups:
        texts[0] += f"; {sum(len(variants) for variants in groups.values())} with other counts"
    if () in groups:
        faults.append(f"other counts, and COUNTS has no cause that is true there: {', '.join(groups[()])}")
    if stale := stale_counts(machine, folder):
        faults.append(f"COUNTS explains other counts, and there are none: {', '.join(stale)}")
    first = load(folder, like, "doctor") if name != like else None
    differs = differing(doctor, first) if first else {}
    marks = ", ".join(f"`{mark}{behaviour}`" for behaviour, mark in differs.items()) or ("nothing" if first else "-")
    what = f"{summary} ({doctor['machine']['kernel']})"
    return [what, "yes" if fit else "no", marks, *texts, seconds(results, linux)], faults


def rows(machines, folder, doctor_only):
    """Yields a line of the page for each machine, and what was not expected."""
    for machine in machines:
        cells, faults = row(machine, folder, doctor_only)
        yield f"| `{machine['name']}` | {' | '.join(cells)} |", faults


def answers(machines, folder):
    """Describes the behaviours that are not answered alike: a column for each group of machines that never differ."""
    groups = {}
    for machine in machines:
        doctor = load(folder, machine["name"], "doctor")
        if doctor:
            here = doctor["machine"]
            marked = {name: (answer, "+" if here["behaviours"][name] else "o" if name in here["other"] else "-")
                      for name, answer in here["answers"].items()}
            groups.setdefault(tuple(sorted(marked.items())), []).append(machine["name"])
    columns = [dict(group) for group in groups]
    lines = ["| column | machines |", "|---|---|"]
    lines += [f"| `{names[0]}` | {', '.join(f'`{name}`' for name in names)} |" for names in groups.values()]
    lines += ["", f"| behaviour | answer | {' | '.join(f'`{names[0]}`' for names in groups.values())} |",
              "|---" * (len(columns) + 2) + "|"]
    for name in sorted(set().union(*columns)):
        given = [column.get(name, ("not measured", "-")) for column in columns]
        if len(set(given)) == 1:
            continue
        label = f"`{name}`"
        for text in dict.fromkeys(answer for answer, _ in given):
            marks = (mark if answer == text else "" for answer, mark in given)
            lines.append(f"| {label} | `{text}` | {' | '.join(marks)} |")
            label = ""
    return "".join(line + "\n" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gatecrash")
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--page", type=pathlib.Path)
    parser.add_argument("--doctor-only", action="store_true")
    parser.add_argument("machines", nargs="*")
    arguments = parser.parse_intermixed_args()
    if arguments.fresh:
        shutil.rmtree(arguments.results, ignore_errors=True)
    arguments.results.mkdir(parents=True, exist_ok=True)
    machines = TABLE + json.loads((TOOLS / "machines.json").read_text())["machines"]
    chosen = [each for each in machines if not arguments.machines or each["name"] in arguments.machines]
    for machine in chosen:
        examine(machine, arguments, arguments.results)
    shown = machines if arguments.page else chosen
    lines = list(rows(shown, arguments.results, arguments.doctor_only))
    if arguments.page:
        arguments.page.write_text(HEAD + "".join(line + "\n" for line, _ in lines) + COUNTS_HEAD +
                                  counts(machines, arguments.results) + ANSWERS + answers(machines, arguments.results))
    for machine, (_, faults) in zip(shown, lines):
        for fault in faults:
            print(f"{machine['name']}: {fault}")
    return 1 if any(faults for _, faults in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
