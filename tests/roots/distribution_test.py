"""Sets up, builds and tests gatecrash in a newer Debian that has nothing else, and sweeps there.

    distribution_test.py SUITE
"""

import subprocess
import sys

sys.dont_write_bytecode = True  # keeps the source folder unchanged
from root import SOURCE, Root, check_sweep, skip_without_root  # noqa: E402


def main(suite):
    skip_without_root()
    with Root(suite) as root:
        tree = root.path / "src"
        tree.mkdir()
        files = subprocess.run(["git", "ls-files", "-z"], cwd=SOURCE, check=True, stdout=subprocess.PIPE)
        subprocess.run(["xargs", "-0", "cp", "-p", "--parents", "-t", tree], cwd=SOURCE, check=True, input=files.stdout)
        check_sweep(root.run("cd /src && ./dev run nested-nmi/flag-only nested-nmi/copied-frame --machine amd --quiet"))
        root.install("libgtest-dev", "libgmock-dev", "libxml2-utils")
        root.run("cd /src && meson setup --reconfigure -Dtests=true build && ninja -C build tests/unit-tests &&"
                 " build/tests/unit-tests --gtest_brief=1", TERM="dumb")


main(sys.argv[1])
