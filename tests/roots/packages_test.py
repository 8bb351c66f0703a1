"""Builds the packages, installs them into a Debian that has nothing else, and sweeps from there.

    packages_test.py FOLDER

FOLDER is where the packages are built.
"""

import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True  # keeps the source folder unchanged
from root import SOURCE, Root, check_sweep, skip_without_root  # noqa: E402

sys.path.append(str(SOURCE / "tools"))
from prose_text import read_markdown  # noqa: E402

SWEEP = "run nested-nmi/flag-only nested-nmi/copied-frame --machine amd --quiet"
KERNEL = {"GATECRASH_KERNEL": "/srv/kernel/vmlinuz", "GATECRASH_MODULES": "/srv/kernel/modules"}


def sweep(root, program):
    """Sweeps as a user without rights, and with entry code that was made with the SDK next to `program`."""
    root.run("mkdir -m 777 /tmp/home")
    user = {"user": "1000:1000", "HOME": "/tmp/home", **KERNEL}
    check_sweep(root.run(f"{program} {SWEEP}", **user))
    packages = pathlib.Path(program).parent.parent / "lib/x86_64-linux-gnu/pkgconfig"
    root.run(f"{program} new /tmp/home/mine && cd /tmp/home/mine && meson setup build && ninja -C build",
             PKG_CONFIG_PATH=str(packages), **user)
    found = root.run(f"! {program} explore --quiet --machine amd /tmp/home/mine/build/gs-by-cs.elf", **user)
    assert "gatecrash replay" in found, found
    root.run("rm -r /tmp/home")


def check_links(pages):
    """Checks that each link of the installed pages leads to a file."""
    links = 0
    for page in pages.rglob("*.md"):
        for line, target in read_markdown(page.read_text()).links:
            file = target.partition("#")[0]
            if ":" not in file:
                links += 1
                assert (page.parent / file).exists(), f"{page}:{line}: no {file}"
    assert links > 100, links


def check_completion(root):
    """Checks that the shells of this system find the completion, as they do after a login."""
    found = root.run("""bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader gatecrash;
                                 complete -p gatecrash'
                        zsh -fc 'autoload -Uz compinit && compinit -D -u && print $_comps[gatecrash]'""")
    assert found == "complete -F _gatecrash gatecrash\n_gatecrash\n", found


def main(folder):
    skip_without_root()
    made = subprocess.run([SOURCE / "tools/make_packages.sh", folder], check=True, stdout=subprocess.PIPE, text=True)
    package, tarball = map(pathlib.Path, made.stdout.split())
    subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", package], check=True)
    codename = subprocess.run(["sh", "-c", '. /etc/os-release && echo "$VERSION_CODENAME"'], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.strip()
    with Root(codename) as root:
        root.copy([package, tarball], "srv")
        root.copy((SOURCE / "build/machines/kernel").iterdir(), "srv/kernel")
        root.run("ln -s /srv/kernel/vmlinuz-* /srv/kernel/vmlinuz")
        root.install(f"/srv/{package.name}", "qemu-system-x86", "g++", "meson", "pkg-config", "xz-utils",
                     "bash-completion", "zsh")
        listed = root.run("gatecrash list")
        assert "nested-nmi:" in listed and "  flag-only\n" in listed, listed
        check_links(root.path / "usr/share/doc/gatecrash")
        root.run("test -f /usr/share/man/man1/gatecrash.1.gz")
        check_completion(root)
        sweep(root, "/usr/bin/gatecrash")
        # The tarball needs the libraries, which stay.
        root.run("dpkg --purge gatecrash && ! command -v gatecrash")
        root.run(f"mkdir /opt/gatecrash && tar -xJf /srv/{tarball.name} -C /opt/gatecrash --strip-components=1")
        sweep(root, "/opt/gatecrash/bin/gatecrash")


main(sys.argv[1])
