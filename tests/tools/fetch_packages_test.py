"""Tests tools/fetch_packages.sh with a mirror of a few small packages, and tools/setup_machines.py with a stand-in for
it: what they do if the mirror lacks something."""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

sys.dont_write_bytecode = True  # keeps the source folder unchanged
TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))
import setup_machines  # noqa: E402

LOADER = pathlib.Path("/lib64/ld-linux-x86-64.so.2")
LIBC = pathlib.Path("/lib/x86_64-linux-gnu/libc.so.6")


class Mirror:
    """A folder with packages, which apt reads as it reads a mirror."""

    def __init__(self, folder):
        self.folder = folder
        self.packages = {}
        (folder / "lists").mkdir()
        (folder / "sources.list").write_text(f"deb [trusted=yes] file:{folder} ./\n")
        (folder / "apt.conf").write_text(
            f'Dir::Etc::sourcelist "{folder}/sources.list"; Dir::Etc::sourceparts "-"; Dir::State::lists "{folder}/lists";\n'
            f'Dir::Cache "{folder}/cache"; Dir::Etc::preferencesparts "{folder}/lists"; APT::Sandbox::User "root";\n')
        self.environment = {**os.environ, "APT_CONFIG": str(folder / "apt.conf")}

    def add(self, name, version, files, depends=""):
        """Puts a package there, in place of another version."""
        tree = self.folder / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        for path, content in files.items():
            to = tree / path.lstrip("/")
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(content)
            to.chmod(0o755)
        (tree / "DEBIAN").mkdir(parents=True)
        fields = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: test <test@example.org>\n"
        fields += f"Depends: {depends}\n" if depends else ""
        (tree / "DEBIAN/control").write_text(fields + "Description: for a test\n")
        archive = self.folder / f"{name}_{version}_amd64.deb"
        subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "--build", tree, archive], check=True, capture_output=True)
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        self.packages[name] = (f"{fields}Filename: ./{archive.name}\nSize: {archive.stat().st_size}\nSHA256: {digest}\n"
                               "Description: for a test\n\n")
        return f"{name} {version} {digest}\n"

    def publish(self):
        (self.folder / "Packages").write_text("".join(self.packages.values()))
        subprocess.run(["apt-get", "-qq", "update"], env=self.environment, check=True, capture_output=True)


@unittest.skipUnless(shutil.which("apt-get") and LIBC.exists(), "this is no Debian")
class FetchPackages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.to = pathlib.Path(folder.name) / "emulators/new"
        self.to.parent.mkdir()
        (pathlib.Path(folder.name) / "mirror").mkdir()
        self.mirror = Mirror(pathlib.Path(folder.name) / "mirror")
        self.libc = self.mirror.add("libc", "2.36", {str(LOADER): LOADER.read_bytes(), str(LIBC): LIBC.read_bytes()})
        self.mirror.add("unused", "1", {"/usr/lib/libunused.so": b"never loaded"})
        self.program = self.add_program("1.0")
        self.mirror.publish()

    def add_program(self, version):
        """A program that needs one library, and depends on a package that it does not use."""
        return self.mirror.add("program", version, {"/usr/bin/program": pathlib.Path("/bin/true").read_bytes(),
                                                    "/usr/share/version": version.encode()}, "libc, unused")

    def fetch(self, pins="", names=("program",)):
        """Returns the exit code and what the script said."""
        done = subprocess.run([TOOLS / "fetch_packages.sh", "system", self.to, "/usr/bin/program", *names], input=pins,
                              env=self.mirror.environment, text=True, capture_output=True)
        return done.returncode, done.stderr

    def version(self):
        return (self.to / "root/usr/share/version").read_text()

    def test_a_program_runs_with_the_libraries_that_it_loads(self):
        self.assertEqual(self.fetch(), (0, ""))
        subprocess.run([self.to / "run"], check=True)
        self.assertEqual({each.name for each in (self.to / "lib").iterdir()}, {"program", LOADER.name, LIBC.name})
        self.assertEqual((self.to / "packages").read_text(), self.libc + self.program)

    def test_pinned_packages_are_all_that_is_downloaded(self):
        self.fetch()
        pins = (self.to / "packages").read_text()
        shutil.rmtree(self.to)
        del self.mirror.packages["unused"]
        self.mirror.publish()
        self.assertNotEqual(self.fetch()[0], 0, "the closure has a package that the mirror lacks")
        self.assertEqual(self.fetch(pins), (0, ""))
        self.assertEqual((self.to / "packages").read_text(), pins)

    def test_if_the_mirror_lacks_a_pinned_version_it_gives_what_it_has(self):
        pins = self.libc + self.program
        self.add_program("1.1")
        self.mirror.publish()
        code, said = self.fetch(pins)
        self.assertEqual((code, said), (0, "fetch_packages.sh: this system no longer has program 1.0; taking what it has now\n"))
        self.assertEqual(self.version(), "1.1")
        self.mirror.add("libc", "2.37", {str(LOADER): LOADER.read_bytes(), str(LIBC): LIBC.read_bytes()})
        self.mirror.publish()
        self.assertIn("no longer has libc 2.36;", self.fetch(pins)[1])

    def test_another_digest_is_an_error_and_leaves_no_folder(self):
        for pin in (self.program, self.libc):
            name, version, digest = pin.split()
            pins = (self.libc + self.program).replace(digest, "0" * 64)
            code, said = self.fetch(pins)
            self.assertEqual(code, 1)
            self.assertIn(f"{name} {version} has the digest {digest}, which is not the pinned one", said)
            self.assertFalse(self.to.exists())

    def test_what_nobody_has_is_an_error_and_leaves_no_folder(self):
        code, said = self.fetch(names=("nothing",))
        self.assertEqual(code, 1)
        self.assertIn("this system has no packages nothing, or they cannot be installed together", said)
        self.assertFalse(self.to.exists())

    def test_a_library_that_is_missing_is_an_error_and_leaves_no_folder(self):
        self.mirror.add("libc", "2.36", {str(LOADER): LOADER.read_bytes()})
        self.mirror.publish()
        code, said = self.fetch()
        self.assertEqual(code, 1)
        self.assertIn("the packages that program depend on lack these libraries", said)
        self.assertFalse(self.to.exists())


class SetupMachines(unittest.TestCase):
    """The groups `old` and `new`, and a machine with each. `new` is for a machine of the program's table, too."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tools, self.folder = pathlib.Path(folder.name) / "tools", pathlib.Path(folder.name) / "machines"
        (self.tools / "pins").mkdir(parents=True)
        self.folder.mkdir()
        groups = [{"folder": name, "suite": "trixie", "program": "/usr/bin/program", "names": ["program"]}
                  for name in ("old", "new")]
        machines = [{"name": f"with-{name}", "like": "amd", "emulator": name} for name in ("old", "new")]
        machines.append({"name": "plain", "like": "amd"})
        groups[1]["for"] = "intel"
        (self.tools / "machines.json").write_text(json.dumps({"packages": groups, "machines": machines}))
        for name in ("old", "new"):
            (self.tools / "pins" / name).write_text(f"program 1.0 {name}\n")
        self.asked = []
        for patch in (unittest.mock.patch.object(setup_machines, "TOOLS", self.tools),
                      unittest.mock.patch.object(subprocess, "run", self.run_script)):
            patch.start()
            self.addCleanup(patch.stop)
        self.lacks = set()

    def run_script(self, command, input, **_):
        """Stands for fetch_packages.sh."""
        to = pathlib.Path(command[2])
        self.asked.append((to.name, input))
        if to.name in self.lacks:
            return subprocess.CompletedProcess([], 1)
        to.mkdir()
        return subprocess.CompletedProcess([], 0)

    def set_up(self, *wanted):
        """Returns the exit code, the names of the machines that there are now, and the messages."""
        with contextlib.redirect_stderr(io.StringIO()) as said:
            code = setup_machines.main(self.folder, wanted)
        machines = json.loads((self.folder / "machines.json").read_text())["machines"]
        return code, [each["name"] for each in machines], [line for line in said.getvalue().splitlines() if "downloading" not in line]

    def test_each_group_is_fetched_once_with_its_pins(self):
        for _ in range(2):
            self.assertEqual(self.set_up("--all"), (0, ["with-old", "with-new", "plain"], []))
        self.assertEqual(self.asked, [("old", "program 1.0 old\n"), ("new", "program 1.0 new\n")])

    def test_machines_without_their_packages_are_left_out_with_a_message(self):
        self.lacks = {"new"}
        self.assertEqual(self.set_up("--all"), (1, ["with-old", "plain"], [
            "dev: no machine with-new: new could not be downloaded", "dev: no machine intel: new could not be downloaded"]))
        self.lacks = set()
        self.assertEqual(self.set_up("--all"), (0, ["with-old", "with-new", "plain"], []))

    def test_only_what_the_named_machines_need_is_fetched(self):
        self.lacks = {"old"}
        self.assertEqual(self.set_up("intel"), (0, ["with-new", "plain"], []))
        self.assertEqual([name for name, _ in self.asked], ["new"])

    def test_an_unknown_machine_is_an_error(self):
        with self.assertRaisesRegex(SystemExit, "no machine with-newer in tools/machines.json"):
            self.set_up("with-newer", "with-old")

    def test_every_group_has_pins(self):
        for group in json.loads((TOOLS / "machines.json").read_text())["packages"]:
            pins = [line.split() for line in (TOOLS / "pins" / group["folder"]).read_text().splitlines()]
            self.assertTrue(pins, group["folder"])
            for _, _, digest in pins:
                self.assertRegex(digest, "^[0-9a-f]{64}$")
            if group["program"] != "kernel":
                self.assertLessEqual(set(group["names"]), {name for name, _, _ in pins})
                self.assertIn("libc6", [name for name, _, _ in pins])


if __name__ == "__main__":
    unittest.main()
