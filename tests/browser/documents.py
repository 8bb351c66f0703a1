"""Makes documents as --json writes them, for tests of the page."""

BASE = 0xFFFFFFFF80010000
HOSTILE = "</script><img src=x onerror=\"console.error('escaped')\"><!-- & ' \u2028"
CODE = [["entry_nmi", BASE, 12], ["nmi_body", BASE + 0x100, 20], ["nmi_exit", BASE + 0x200, 8]]


def axis(parts):
    """Returns places: SYMBOL, ADDRESS and the number of instructions, each of three bytes."""
    return [[symbol, hex(address), " ".join(f"{3 * i:x}" for i in range(count))] for symbol, address, count in parts]


def finding(schedule, window=0, message="the frame that vector 2 pushed is lost", **more):
    return {"invariant": "I4", "name": "I4 (stack)", "schedule": schedule, "message": message, "also": ["I5"],
            "schedules": 2, "window": window, "order": 3, "block": 0, **more}


def result(case, variant, status="ok", verdict="holds", found=(), **more):
    return {"case": case, "variant": variant, "covers": ["A1"], "expect": "holds", "verdict": verdict, "status": status,
            "boundaries": 40, "schedules": 80, "pruned": 3, "depth": 2, "seconds": 1.5, "modelled": False,
            "finding": found[0] if found else None, "findings": 2 * len(found) + (3 if verdict == "breaks" else 0), "found": list(found),
            "not_exhaustive": None, "stopped_after": None, "skip_reason": None, "message": None,
            "stack_bytes": {"nmi": 512}, "bodies_at_once": {}, "code": "c0de", "executed": [[hex(BASE), 30]],
            **more}


def document(results, **more):
    return {"gatecrash": "9.9", "machine": {"name": "amd", "kvm": "kvm_amd", "cpu": "EPYC", "kernel": "6.1",
                                            "emulated": True, "vendor": "amd", "behaviours": {}},
            "results": results, **more}


def singles():
    """Returns a map of one event: two windows, with each kind of cell."""
    return {"events": ["nmi", "irq"], "windows": [axis(CODE), axis(CODE[:1])],
            "singles": ["0 0 3hb36h", "0 1 5-20w9hp", "1 0 12h"], "instructions": [], "pairs": []}


def pairs():
    """Returns a map of pairs in which an NMI at entry_nmi+0x3 and then an IRQ at nmi_body+0x6 breaks."""
    rows = [f"0 {i} 0 0 30h5p5-" for i in range(40)] + \
           [f"0 {i} 0 1 " + ("12h2hb25h" if i == 1 else "20h20w") for i in range(40)]
    return {**singles(), "instructions": axis(CODE), "pairs": rows}


BROKEN = finding("nested-nmi/flag-only@nmi:entry_nmi+0x9", trace=[">>> nmi lands at entry_nmi+0x9"], message=HOSTILE)
FLAG_ONLY = result("nested-nmi", "flag-only", "unexpected", "breaks", [BROKEN], map=singles(), message=HOSTILE,
                   instructions=axis(CODE))
LONGER = result("nested-nmi", "pairs", "finding", "breaks",
                [finding("nested-nmi/pairs@nmi:entry_nmi,irq:nmi_body+0x6")], map=pairs())


def many(count):
    """Returns the document of a run of `count` variants."""
    kinds = [("ok", "holds"), ("ok", "holds"), ("ok", "breaks"), ("skip", "skip")]
    results = []
    for i in range(count - 2):
        status, verdict = kinds[i % len(kinds)]
        found = [finding(f"case-{i // 8}/variant-{i}@nmi:entry_nmi+0x9")] if verdict == "breaks" else []
        results.append(result(f"case-{i // 8}", f"variant-{i}", status, verdict, found, map=pairs(),
                              skip_reason="it needs smi" if status == "skip" else None))
    return document([*results, FLAG_ONLY, LONGER])


def machines():
    """Returns the document of a run on two machines of three."""
    one = document([FLAG_ONLY, LONGER])
    other = document([result("nested-nmi", "flag-only", map=singles()), LONGER])
    other["machine"] = {**other["machine"], "name": "intel", "vendor": "intel"}
    return {**one, "machines": [
        {"machine": {"name": "host"}, "missing": "there is no /dev/kvm", "remedy": "load kvm_amd", "results": []},
        {"machine": one["machine"], "results": one["results"]},
        {"machine": other["machine"], "results": other["results"]}]}
