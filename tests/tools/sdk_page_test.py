"""Tests docs/reference/sdk.md: it names every symbol, offset and macro that entry code from outside can use."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "sdk.md").read_text()
NAMED = set(re.findall(r"`([A-Za-z0-9_]+)`", PAGE))


def found(pattern, *places):
    """All matches of `pattern` in the files that the globs `places` name."""
    files = [file for place in places for file in ROOT.glob(place)]
    return {name for file in files for name in re.findall(pattern, file.read_text())}


class SdkPage(unittest.TestCase):
    def names(self, names):
        self.assertTrue(names, "the pattern finds nothing")
        self.assertEqual(names - NAMED, set())

    def test_has_what_the_linker_scripts_look_at(self):
        self.names(found(r"DEFINED\((\w+)\)", "guest/*.lds.S"))
        chosen = found(r"CHOSEN\((\w+)##name", "guest/layout.h")
        self.assertEqual(chosen, {"ist_of_", "dpl_of_", "trap_gate_of_"})
        self.names({prefix + "X" for prefix in chosen})
        vectors = found(r"EXCEPTION\((\w+), \d|EXCEPTION\((\w+), GATECRASH", "guest/layout.h")
        for name in {name for pair in vectors for name in pair if name} - {"name"}:
            if not re.fullmatch(r"2[3-6]", name):  # within `22` to `27`
                self.assertIn(name, NAMED)

    def test_has_what_the_harness_looks_for(self):
        pattern = r'(?:symbols\.find|pairs_at)\("(\w+)"\)'
        of_linux = found(pattern, "harness/kernel/*.cpp")
        self.names(found(pattern, "harness/**/*.cpp") - of_linux - {"gatecrash_abi"})

    def test_has_what_may_be_replaced(self):
        self.names(found(r"\.weak (\w+)", "guest/*.S", "guest/*.h") | found(r"weak\)\)\) \w+ (\w+)\(", "guest/body.cpp"))

    def test_has_every_offset(self):
        abi = (ROOT / "include" / "gatecrash" / "abi.h").read_text()
        rows = set(re.findall(r"\| (\d+) \| `(\w+)` ", PAGE))
        for prefix in ("FRAME", "FRAME32"):
            offsets = re.findall(rf"#define GATECRASH_{prefix}_(\w+) (\d+)", abi)
            self.assertGreater(len(offsets), 15)
            for name, offset in offsets:
                if name != "SIZE":
                    self.assertIn((offset, name), rows)

    def test_has_everything_of_init_programs(self):
        header = "include/gatecrash/workload.h"
        doorbells = found(r"#define (GATECRASH_DOORBELL_\w+) ", header)
        self.names(doorbells - {"GATECRASH_DOORBELL_FIRST", "GATECRASH_DOORBELL_LAST"})
        self.names(found(r"static inline \w+ (\w+)\(", header) | {"gatecrash_workload", "GATECRASH_RING"})

    def test_has_every_header_of_the_guest_folder(self):
        installed = found(r"install_headers\((.*)\)", "guest/meson.build", "guest/*/meson.build")
        names = {name for line in installed for name in re.findall(r"([\w.]+\.hp*)'", line)}
        self.assertIn("workload.h", names)
        # Both of entry.h and entry32.h include the one that is left out.
        for name in names - {"entry_common.h"}:
            self.assertIn(f"<gatecrash/{name}>", PAGE)

    def test_has_every_macro(self):
        self.names(found(r"(?m)^\.macro (\w+)", "guest/entry*.h", "guest/shadow_stacks.h"))


if __name__ == "__main__":
    unittest.main()
