"""A folder with a distribution's files, in which tests run commands as if it were a computer of its own."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
# `meson test` takes this exit code for a test that was skipped.
SKIPPED = 77


class Root:
    """Debian's `suite` with a minimum of packages, and what `install` adds. It is removed at the end."""

    def __init__(self, suite):
        self.suite = suite

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(dir=SOURCE / "build", prefix=f"root-{self.suite}-")
        self.path = pathlib.Path(self.folder.name) / "root"
        subprocess.run(["mmdebstrap", "--quiet", "--variant=apt", self.suite, self.path], check=True)
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def run(self, command, user="root", **environment):
        """Runs a shell command, which must succeed, and returns what it prints."""
        # The mounts end with the process, whatever happens.
        script = ('mount --bind /proc "$1/proc" && mount --rbind /dev "$1/dev" && '
                  'exec chroot --userspec="$2" "$1" sh -ec "$3"')
        inside = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "LC_ALL": "C.UTF-8",
                  "DEBIAN_FRONTEND": "noninteractive", **environment}
        ended = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", self.path, user, command], check=False,
                               env=inside, capture_output=True, text=True)
        assert ended.returncode == 0, f"{command}: exit code {ended.returncode}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    def install(self, *packages):
        # A new root has no package lists.
        self.run("apt-get -qq update")
        self.run(f"apt-get -qq install -y --no-install-recommends {' '.join(map(str, packages))}")

    def copy(self, outside, inside):
        """Copies files or folders into the folder `inside`."""
        (self.path / inside).mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", *outside, self.path / inside], check=True)


def skip_without_root():
    # meson ends a test that takes too long so. The folder is then removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if os.geteuid() != 0:
        print("skipped: only root can make a root folder of another system")
        sys.exit(SKIPPED)


def check_sweep(text):
    """Checks what a run of flag-only and copied-frame of nested-nmi prints."""
    assert "breaks I4" in text and "gatecrash replay 'nested-nmi/flag-only@nmi:nmi_iret'" in text, text
    assert "2 variants: 2 ok, 0 unexpected, 0 skipped, 0 errors" in text, text
