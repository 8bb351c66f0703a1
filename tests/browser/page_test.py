#!/usr/bin/env python3
"""Opens pages of --html in a real browser: page_test.py MAKE_PAGE [unittest options]. MAKE_PAGE makes a page of a JSON
document. With GATECRASH_SCREENSHOTS=FOLDER it leaves pictures there, for people to look at."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import documents
from browser import Browser

PHONE = 360


class Page(unittest.TestCase):
    make_page = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__()
        cls.folder.cleanup()

    def show(self, document, fragment="", **view):
        """Opens the page of a document, with `fragment` after the # of its address."""
        text = pathlib.Path(self.folder.name, "document.json")
        page = pathlib.Path(self.folder.name, "page.html")
        text.write_text(json.dumps(document))
        page.write_bytes(subprocess.run([self.make_page, str(text)], check=True, stdout=subprocess.PIPE).stdout)
        self.browser.open(f"{page}#{fragment}", **view)

    def tearDown(self):
        if folder := os.environ.get("GATECRASH_SCREENSHOTS"):
            self.browser.screenshot(f"{folder}/{self.id().rsplit('.', 1)[-1]}.png", is_whole=True)
        self.assertEqual(self.browser.complaints(), [])

    def count(self, selector):
        return self.browser.run(f"document.querySelectorAll({json.dumps(selector)}).length")

    def text(self, selector="body"):
        return self.browser.run(f"document.querySelector({json.dumps(selector)}).innerText")

    def test_lists_what_is_wrong_first(self):
        self.show(documents.many(200))
        self.assertEqual(self.count("table.results tbody tr"), 200)
        self.assertEqual(self.text("table.results tbody a"), "nested-nmi/flag-only")
        self.assertIn("nested-nmi/flag-only breaks I4 (stack)", self.text(".finding"))
        self.assertEqual(self.text("[data-status=unexpected] b"), "1")

    def test_filters_by_text_and_by_status(self):
        self.show(documents.many(200))
        self.browser.run("""{const field = document.querySelector('input[type=search]'); field.value = 'smi';
                             field.dispatchEvent(new Event('input'));}""")
        self.assertEqual(self.count("table.results tbody tr"), 49)
        self.browser.click("[data-status=ok]")
        self.assertEqual(self.count("table.results tbody tr"), 0)
        self.browser.click("[data-status=ok]")
        self.assertEqual(self.count("table.results tbody tr"), 49)

    def test_leads_from_the_list_to_a_sweep_and_back(self):
        self.show(documents.many(20))
        self.browser.click("table.results tbody a")
        self.browser.run("new Promise((done) => setTimeout(done, 50))")
        self.assertEqual(self.text("h2"), "nested-nmi/flag-only")
        self.browser.click("a[href='#']")
        self.browser.run("new Promise((done) => setTimeout(done, 50))")
        self.assertEqual(self.count("table.results tbody tr"), 20)

    def test_keeps_the_place_of_the_keyboard_in_the_list(self):
        self.show(documents.many(200))
        focused = "document.activeElement.innerText"
        self.browser.run("document.querySelectorAll('table.results tbody a')[150].focus()")
        name = self.browser.run(focused)
        self.browser.press("Enter")
        self.browser.run("new Promise((done) => setTimeout(done, 50))")
        self.assertEqual(self.browser.run("document.activeElement.tagName"), "H2")
        self.assertEqual(self.browser.run(focused), name)
        self.assertEqual(self.browser.run("scrollY"), 0)
        self.browser.click("a[href='#']")
        self.browser.run("new Promise((done) => setTimeout(done, 50))")
        self.assertEqual(self.browser.run(focused), name)
        self.assertGreater(self.browser.run("scrollY"), 1000)

    def test_tells_schedules_of_one_variant_apart(self):
        self.show(documents.document([documents.result("nested-nmi", "flag-only", message=f"schedule {i}")
                                      for i in range(3)]))
        for i in range(3):
            self.browser.run(f"document.querySelectorAll('table.results tbody a')[{i}].click()")
            self.browser.run("new Promise((done) => setTimeout(done, 50))")
            self.assertIn(f"schedule {i}", self.text("#view"))
            self.browser.click("a[href='#']")
            self.browser.run("new Promise((done) => setTimeout(done, 50))")

    def test_shows_the_list_for_an_address_of_nothing(self):
        for fragment in ("%", "200", "length", "nested-nmi/flag-only"):
            self.show(documents.many(20), fragment)
            self.assertEqual(self.count("table.results tbody tr"), 20, fragment)

    def test_maps_each_boundary_and_event(self):
        self.show(documents.document([documents.FLAG_ONLY]))
        self.assertEqual(self.count(".map"), 2)
        self.assertEqual([self.count(f".map .cell.{kind}") for kind in
                          ("held", "broke", "cannot-land", "waits", "pruned", "not-reached")], [60, 1, 5, 20, 1, 5])
        self.assertIn("entry_nmi", self.text(".map .symbol"))

    def test_counts_what_it_does_not_list(self):
        self.show(documents.document([documents.FLAG_ONLY]))
        self.assertIn("3 further schedules broke, which are like none of these", self.text())

    def test_names_where_the_events_of_a_finding_land(self):
        self.show(documents.document([documents.LONGER]))
        self.assertEqual(self.text(".finding h3"), "I4 (stack): nmi at entry_nmi, then irq at nmi_body+0x6")

    def test_opens_a_finding_by_click(self):
        self.show(documents.document([documents.FLAG_ONLY]))
        self.assertFalse(self.browser.run("document.querySelector('details.trace').open"))
        self.browser.click(".map .cell.broke")
        self.assertIn("broke: nmi at entry_nmi+0x9", self.text(".readout"))
        self.assertIn("gatecrash replay 'nested-nmi/flag-only@nmi:entry_nmi+0x9'", self.text(".readout"))
        self.assertTrue(self.browser.run("document.querySelector('details.trace').open"))
        self.assertTrue(self.browser.run("document.activeElement.classList.contains('finding')"))

    def test_opens_a_finding_by_keyboard(self):
        self.show(documents.document([documents.FLAG_ONLY]))
        self.browser.run("document.querySelector('.map .cell').focus()")
        self.browser.click(".map .cell.held")
        self.browser.press("n")
        self.assertIn("broke: nmi at entry_nmi+0x9", self.text(".readout"))
        self.browser.press("ArrowRight")
        self.assertIn("held: nmi at entry_nmi+0xc", self.text(".readout"))
        self.browser.press("ArrowDown")
        self.assertIn("cannot land: irq at entry_nmi+0xc", self.text(".readout"))
        self.browser.press("ArrowRight")
        self.assertIn("waits: irq at entry_nmi+0xf. It is delivered at nmi_body+0x27", self.text(".readout"))
        self.browser.run("document.querySelector('.map .cell.broke').focus()")
        self.browser.click(".map .cell.held")
        self.browser.press("n")
        self.browser.press("Enter")
        self.assertTrue(self.browser.run("document.querySelector('details.trace').open"))

    def test_shows_the_maps_after_a_few_findings(self):
        found = [documents.finding(f"a/b@nmi:entry_nmi+0x{3 * i:x}") for i in range(12)]
        singles = {**documents.singles(), "singles": ["0 0 12b28h"]}
        self.show(documents.document([documents.result("a", "b", "finding", "breaks", found, map=singles)]))
        is_shown = "[...document.querySelectorAll('.finding')].filter((box) => box.checkVisibility()).length"
        self.assertEqual(self.browser.run(is_shown), 3)
        self.assertIn("9 further findings", self.text())
        self.browser.run("document.querySelectorAll('.map .cell.broke')[7].click()")
        self.assertEqual(self.browser.run(is_shown), 12)
        self.assertIn("nmi at entry_nmi+0x15", self.browser.run("document.activeElement.innerText"))

    def test_counts_hits_over_windows(self):
        self.show(documents.document([documents.FLAG_ONLY]))
        self.browser.run("document.querySelectorAll('.map')[1].querySelector('.cell').click()")
        self.assertIn("gatecrash replay 'nested-nmi/flag-only@nmi:entry_nmi#2'",
                      self.browser.run("document.querySelectorAll('.readout')[1].innerText"))

    def test_keeps_an_at_sign_of_a_path(self):
        for schedule in ("a@b.elf@nmi:entry_nmi+0x9", "a@b.elf@"):
            found = [documents.finding(schedule)]
            self.show(documents.document([documents.result("a@b.elf", "", "finding", "breaks", found,
                                                           map=documents.singles())]))
            self.browser.click(".map .cell.held")
            self.assertIn("gatecrash replay 'a@b.elf@nmi:entry_nmi'", self.text(".readout"))
            self.assertIn(f"gatecrash replay '{schedule}'", self.text(".finding"))

    def trace(self):
        """Returns the lines of a trace, as the program writes it, and one that it never would."""
        written = subprocess.run([self.make_page, "--trace"], check=True, stdout=subprocess.PIPE, text=True).stdout
        return [*written.splitlines(), f"!!! I4 (stack): {documents.HOSTILE}"]

    def test_draws_the_timeline_of_a_finding(self):
        found = documents.finding("nested-nmi/flag-only@nmi:entry_nmi+0x9", trace=self.trace())
        self.show(documents.document([documents.result("nested-nmi", "flag-only", "ok", "breaks", [found])]))
        self.browser.run("document.querySelector('details.trace').open = true")
        rows = self.text(".timeline tbody")
        self.assertIn("frame F1 at 0x1000 on stack nmi", rows)
        self.assertIn("pops frame F1 at 0x1000, which was changed", rows)
        for kind, number in {"lands": 1, "frame": 2, "return": 2, "writes": 1, "breaks": 2}.items():
            self.assertEqual(self.count(f".timeline tr.{kind}"), number, kind)
        short = self.count(".timeline tbody tr")
        self.browser.click("details.trace input")
        self.assertGreater(self.count(".timeline tbody tr"), short)
        frames = self.browser.run("""[...document.querySelectorAll('.timeline tbody tr:has(.number)')].map(
            (row) => [...row.querySelectorAll('td')].map((cell) => cell.innerText).filter((text) => /^F/.test(text)).join())""")
        self.assertEqual(frames, ["", "F1", "F1", "F1", "F1,F2", "F1", "F1", "F1", "F1", "F1", ""])
        self.assertNotIn("0x0000000000001008", rows, "words of frames stand in the text only")

    def test_draws_the_frames_of_an_endless_run(self):
        step = next(line for line in self.trace() if "nmi_body" in line and "nop" in line)
        lines = [line for i in range(1, 301) for line in (
            f"=== vector 14 goes to entry_pf: frame F{i} at 0x1000 on stack nmi, back to nmi_body", step)]
        document = documents.document([documents.result("a", "b", trace=lines)])
        right = "document.querySelector('{}').getBoundingClientRect().right"
        for width, shown in ((PHONE, 2), (1280, 6)):
            self.show(document, width=width)
            self.browser.run("document.querySelector('details.trace').open = true")
            self.assertLessEqual(self.browser.run(right.format(".timeline")), self.browser.run(right.format("details.trace")))
            frames = self.browser.run("""[...document.querySelectorAll('.timeline tbody tr:has(.number)')].map(
                (row) => [...row.querySelectorAll('td')].map((cell) => cell.innerText).filter((text) => /^[F+]/.test(text)))""")
            self.assertEqual(frames[0], ["F1"])
            self.assertEqual(frames[shown - 1], [f"F{i + 1}" for i in range(shown)])
            self.assertEqual(frames[-1], [f"+{301 - shown}", *(f"F{302 - shown + i}" for i in range(shown - 1))])

    def test_says_that_steps_are_left_out(self):
        left_out = "steps of its middle are left out"
        for lines in ([], ["... 50 steps are left out"], ["... 1 step is left out"]):
            self.show(documents.document([documents.result("a", "b", trace=[*self.trace(), *lines])]))
            self.browser.run("document.querySelector('details.trace').open = true")
            self.assertEqual(left_out in self.text(), bool(lines), lines)

    def test_draws_the_timeline_of_a_replay_that_holds(self):
        self.show(documents.document([documents.result("nested-nmi", "copied-frame", trace=self.trace())]))
        self.browser.run("document.querySelector('details.trace').open = true")
        self.assertIn("frame F1", self.text(".timeline tbody"))

    def test_maps_pairs(self):
        self.show(documents.document([documents.LONGER]))
        self.assertIn("nmi, then irq", self.browser.run("document.querySelector('select').selectedOptions[0].text"))
        self.browser.run("document.querySelector('canvas').focus()")
        self.browser.press("n")
        readout = "document.querySelector('.pairs .readout').innerText"
        self.assertIn("broke: nmi at entry_nmi+0x3, then irq at nmi_body+0x6", self.browser.run(readout))
        self.browser.press("Enter")
        self.assertIn("gatecrash replay 'nested-nmi/pairs@nmi:entry_nmi,irq:nmi_body+0x6'", self.browser.run(readout))

    def test_draws_pairs_once(self):
        self.show(documents.document([documents.LONGER]))
        picture = "document.querySelector('canvas').toDataURL()"
        self.browser.run("""{window.drawn = 0; const draw = PairsMap.prototype.drawCells;
            PairsMap.prototype.drawCells = function(context) { ++drawn; draw.call(this, context); };
            document.querySelector('canvas').focus();}""")
        pictures = []
        for key in ("ArrowRight", "ArrowDown", "ArrowRight", "ArrowDown"):
            self.browser.press(key)
            pictures.append(self.browser.run(picture))
        self.assertEqual(len(set(pictures)), 4, "the cursor moves")
        self.browser.run("document.querySelector('canvas').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowUp'}))")
        self.assertEqual(self.browser.run(picture), pictures[2], "the cursor leaves nothing behind")
        self.assertEqual(self.browser.run("drawn"), 0)

    def test_shows_no_map_before_it_is_drawn(self):
        self.show(documents.document([documents.LONGER]))
        new = "new PairsMap({}, {pairs: [], windows: [], events: [], instructions: []})"
        self.assertEqual(
            self.browser.run(f"{{const map = {new}; document.body.append(map.element); map.canvas.focus(); "
                             "[getComputedStyle(map.canvas).display, document.activeElement === map.canvas]}"),
            ["none", False])
        self.assertEqual(self.browser.run("getComputedStyle(document.querySelector('canvas')).display"), "block")

    def test_says_which_pairs_are_left_out(self):
        left_out = "second events land on too many different instructions"
        self.show(documents.document([documents.LONGER]))
        self.assertNotIn(left_out, self.text())
        for rows in (documents.pairs()["pairs"], []):
            cut = {**documents.pairs(), "pairs": rows, "pairs_end": 0}
            self.show(documents.document([documents.result("a", "b", map=cut)]))
            self.assertIn(left_out, self.text())
            self.assertEqual(self.count("canvas"), 1 if rows else 0)

    def test_lists_what_was_not_executed(self):
        self.show(documents.document([documents.FLAG_ONLY]))
        self.assertIn("executed 10 of the 40 instructions", self.text())
        self.assertIn("not executed: +0x1e +0x21", self.text(".coverage"))
        self.assertIn("2 symbols of which nothing was executed", self.text())

    def test_puts_machines_side_by_side(self):
        self.show(documents.machines())
        self.assertIn("host was not used: there is no /dev/kvm", self.text())
        cells = self.browser.run("[...document.querySelectorAll('table.results tbody tr')].map((row) => row.innerText)")
        self.assertIn("breaks I4", cells[0])
        self.assertIn("holds", cells[0])
        self.browser.click("table.results tbody a")
        self.browser.run("new Promise((done) => setTimeout(done, 50))")
        self.assertEqual(self.count("details.machine"), 2)

    def test_shows_hostile_text_as_text(self):
        self.show(documents.document([documents.FLAG_ONLY]))
        self.assertIn(documents.HOSTILE.split("\u2028", maxsplit=1)[0].strip(), self.text())
        self.assertEqual(self.count("img"), 0)

    def test_says_that_nothing_ran(self):
        self.show(documents.document([documents.result("a", "b", "skip", "skip", skip_reason="it needs smi")]))
        self.assertIn("Nothing ran", self.text())
        self.show(documents.document([]))
        self.assertIn("0 sweeps", self.text())

    def test_reads_a_document_without_maps(self):
        old = documents.result("a", "b")
        del old["found"]
        self.show(documents.document([old]))
        self.assertIn("a/b", self.text())

    def test_fits_a_phone(self):
        for document in (documents.many(200), documents.document([documents.FLAG_ONLY]),
                         documents.document([documents.LONGER]), documents.machines()):
            self.show(document, width=PHONE, height=740)
            self.browser.run("for (const each of document.querySelectorAll('details')) each.open = true")
            self.assertEqual(self.browser.run("document.documentElement.scrollWidth"), PHONE)

    def test_breaks_no_word_of_the_list_on_a_phone(self):
        self.show(documents.document([documents.result("watchpoint", "breakpoints-of-cpu", "ok", "breaks",
                                                       [documents.finding("watchpoint/breakpoints-of-cpu@nmi:x")]),
                                      documents.result("context-tracking", "return-fault-is-the-kernels")]),
                  width=PHONE, height=740)
        self.assertEqual(self.browser.run("""(() => {
            const texts = document.createNodeIterator(document.querySelector('table.results'), NodeFilter.SHOW_TEXT);
            const broken = [];
            for (let text = texts.nextNode(); text; text = texts.nextNode()) {
                for (const {index, 0: word} of text.data.matchAll(/[^- /]+/g)) {
                    const range = document.createRange();
                    range.setStart(text, index);
                    range.setEnd(text, index + word.length);
                    if (range.getClientRects().length > 1) broken.push(word);
                }
            }
            return broken; })()"""), [])

    def test_follows_the_colour_scheme(self):
        colours = []
        for is_dark in (False, True):
            self.show(documents.document([documents.FLAG_ONLY]), is_dark=is_dark)
            colours.append(self.browser.run("getComputedStyle(document.body).backgroundColor"))
        self.assertEqual(colours, ["rgb(255, 255, 255)", "rgb(13, 17, 23)"])

    def test_tells_kinds_apart_without_colour(self):
        self.show(documents.document([documents.FLAG_ONLY]))
        looks = self.browser.run("""[...document.querySelectorAll('.legend .cell')].map((cell) => {
            const style = getComputedStyle(cell), mark = getComputedStyle(cell, '::before').content;
            return [style.borderStyle, /gradient\\((\\w+)/.exec(style.backgroundImage)?.[0], mark,
                    style.borderTopColor === 'rgba(0, 0, 0, 0)'].join(' '); })""")
        self.assertEqual(len(set(looks)), len(looks), looks)

    def test_shows_200_variants_quickly(self):
        self.show(documents.many(200))
        milliseconds = self.browser.run("performance.getEntriesByType('navigation')[0].domComplete")
        self.assertLess(milliseconds, 5000)  # it takes about 300 here; the host may be busy


if __name__ == "__main__":
    Page.make_page = sys.argv.pop(1)
    unittest.main()
