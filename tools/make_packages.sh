#!/bin/bash
# Makes a Debian package and a tarball of the program, the SDK, pages and examples:
#     make_packages.sh FOLDER
# FOLDER gets gatecrash_VERSION_amd64.deb and gatecrash-VERSION-x86_64.tar.xz. They are made of the last commit, whatever
# else the work tree has. DEBFULLNAME and DEBEMAIL name the maintainer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mkdir -p "$1"
folder=$(realpath "$1")
version=$(sed -n "s/^ *version: '\(.*\)',$/\1/p" meson.build)
maintainer="${DEBFULLNAME:-The gatecrash developers} <${DEBEMAIL:-gatecrash@localhost}>"
tree=$folder/gatecrash-$version

rm -rf "$tree"
mkdir -p "$tree"
git archive HEAD | tar -x -C "$tree"
# Files have the time of the commit, so packages of the same commit are the same.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
cp -r "$tree/tools/debian" "$tree/debian"
license=$(sed -n '/^Permission/,$p' LICENSE | sed 's/^$/./; s/^/ /')
python3 - "$tree/debian" "$version" "$maintainer" "$license" <<'EOF'
import email.utils, os, pathlib, sys
folder, version, maintainer, license = sys.argv[1:]
date = email.utils.formatdate(int(os.environ["SOURCE_DATE_EPOCH"]))
for name in ("changelog", "control", "copyright"):
    path = pathlib.Path(folder, name)
    text = path.read_text()
    for key, value in {"VERSION": version, "MAINTAINER": maintainer, "LICENSE": license, "DATE": date}.items():
        text = text.replace(f"@{key}@", value)
    path.write_text(text)
EOF
(cd "$tree" && dpkg-buildpackage --build=binary --no-sign) >"$folder/build.log" 2>&1 || {
    tail -n 30 "$folder/build.log" >&2
    echo "make_packages.sh: the package could not be built; all of the output is in $folder/build.log" >&2
    exit 1
}

# The tarball has the same files, without the prefix.
package=$folder/gatecrash_${version}_amd64.deb
name=gatecrash-$version-x86_64
rm -rf "${folder:?}/$name" "$folder/unpacked"
dpkg-deb -x "$package" "$folder/unpacked"
mv "$folder/unpacked/usr" "$folder/$name"
rm -r "$folder/unpacked" "$folder/$name/share/lintian"
tar -C "$folder" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cJf "$folder/$name.tar.xz" "$name"
rm -r "${folder:?}/$name" "$tree"
printf '%s\n' "$package" "$folder/$name.tar.xz"
