#!/bin/bash
# Downloads packages of any Debian suite and unpacks them in a folder. Installs nothing, and needs no root:
#     fetch_packages.sh SUITE FOLDER PROGRAM PACKAGE...
# SUITE `system` stands for the packages of this system, Debian or not.
# FOLDER gets the files of PACKAGE... below root/, every library that PROGRAM loads in lib/, and the script `run`, which
# starts PROGRAM with these libraries. If PROGRAM is `kernel`, PACKAGE depends on a Linux kernel. Then FOLDER gets its
# image and its modules for virtual machines. `packages` lists name, version and digest of each package whose files are
# there. FOLDER appears whole or not at all.
#
# Lines of standard input pin packages: NAME VERSION SHA256, as in `packages`. If the mirror has all of them, the script
# takes these and no others. Otherwise a message says which one it lacks. A package with another digest is an error.
set -euo pipefail

suite=$1 folder=$(realpath -m "$2") program=$3
shift 3
pins=$(cat)

apt=$(dirname "$folder")/apt-$suite
mkdir -p "$apt"/archives/partial
# An empty status file makes apt name every package that is needed, also those that this system has.
: >"$apt/status"
options=(
    -o "Dir::State::status=$apt/status" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    -o "Dir::Cache::archives=$apt/archives" -o APT::Sandbox::User=root -o APT::Install-Recommends=false
    -o Debug::NoLocking=true
)

# Lets apt read the lists of $suite only, and keeps these lists in $apt.
use_suite() {
    local mirror each
    mirror=$({ grep -ohE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } | head -n 1)
    mirror=${mirror:-http://deb.debian.org/debian}
    # Backports need the packages of their suite.
    for each in ${suite%-backports} $suite; do
        printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "${mirror% }" "$each"
    done | sort -u >"$apt/sources.list"
    mkdir -p "$apt/lists/partial"
    options+=(
        -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$apt/lists"
        -o Acquire::Languages=none -o "APT::Default-Release=$suite"
    )
    [[ -n $(find "$apt/lists" -maxdepth 1 -name '*Packages*' -mtime -1) ]] || apt-get -qq "${options[@]}" update >&2
}

# Some distributions compress modules.
decompress_modules() {
    find "$scratch/modules" -name '*.xz' -exec xz -d {} +
    find "$scratch/modules" -name '*.zst' -exec zstd -q -d --rm {} +
}

about="Debian $suite"
if [[ $suite == system ]]; then
    about='this system'
else
    use_suite
fi

wanted=()
if [[ -n $pins ]]; then
    mapfile -t pinned < <(cut -d ' ' -f 1 <<<"$pins")
    available=$(apt-cache "${options[@]}" madison "${pinned[@]}" | awk '{ print $1, $3 }')
    while read -r name version _; do
        if ! grep -qxF "$name $version" <<<"$available"; then
            echo "fetch_packages.sh: $about no longer has $name $version; taking what it has now" >&2
            wanted=()
            break
        fi
        wanted+=("$name=$version")
    done <<<"$pins"
fi
[[ ${#wanted[@]} -gt 0 ]] ||
    mapfile -t wanted < <(apt-get "${options[@]}" --simulate install "$@" | sed -n 's/^Inst \([^ ]*\) .*/\1/p')
[[ ${#wanted[@]} -gt 0 ]] || {
    echo "fetch_packages.sh: $about has no packages $*, or they cannot be installed together" >&2
    exit 1
}
if [[ $program == kernel ]]; then
    # Debian from 7.x on and Ubuntu divide a kernel among several packages.
    mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | grep -E '^linux-(image|binary|modules|base)-[0-9]')
    [[ ${#wanted[@]} -gt 0 ]] || {
        echo "fetch_packages.sh: $about has no kernel among the packages that $* needs" >&2
        exit 1
    }
    set -- "${wanted[@]%%=*}"
fi
names=" $* "
scratch=$folder.unfinished
rm -rf "$scratch"
mkdir -p "$scratch"/{archives,others,root,lib}
(cd "$scratch/archives" && apt-get -qq "${options[@]}" download "${wanted[@]}" >&2)
for archive in "$scratch"/archives/*.deb; do
    name=$(dpkg-deb -f "$archive" Package)
    to=$scratch/others/$name
    [[ $names != *" $name "* ]] || to=$scratch/root
    dpkg -x "$archive" "$to"
    version=$(dpkg-deb -f "$archive" Version)
    digest=$(sha256sum <"$archive" | cut -d ' ' -f 1)
    if grep -qF "$name $version " <<<"$pins" && ! grep -qxF "$name $version $digest" <<<"$pins"; then
        echo "fetch_packages.sh: $name $version has the digest $digest, which is not the pinned one" >&2
        exit 1
    fi
    echo "$name $version $digest" >>"$scratch/downloaded"
done
if [[ $program == kernel ]]; then
    mkdir "$scratch/modules"
    modules=$(find "$scratch/root" -path '*/lib/modules/*' -name modules.builtin -printf '%h\n' | head -n 1)
    find "$scratch/root" -name 'vmlinuz*' -exec cp -t "$scratch" {} +
    cp "$modules/modules.builtin" "$scratch"
    # These are the modules that machines load.
    find "$modules/kernel" -name '*.ko*' \( -path '*/arch/x86/kvm/*' -o -path '*/virt/lib/*' -o -path '*/drivers/virtio/*' \
        -o -name 'virtio_console.*' \) -exec cp -t "$scratch/modules" {} +
    decompress_modules
    # Ubuntu's kvm-amd needs ccp, and so on. A module names those that it needs, with either of `-` and `_`.
    before=0
    while after=$(find "$scratch/modules" -name '*.ko' | wc -l) && ((after > before)); do
        before=$after
        for needed in $(sed -z -n 's/^depends=//p' "$scratch"/modules/*.ko | tr ',\0' '\n' | sort -u); do
            name=${needed//[-_]/[-_]}
            [[ -n $(find "$scratch/modules" -name "$name.ko") ]] ||
                find "$modules/kernel" -name "$name.ko*" -exec cp -t "$scratch/modules" {} +
        done
        decompress_modules
    done
    rm -rf "${scratch:?}"/{root,lib}
    used=$names
else
    libraries=$(find "$scratch/root" "$scratch/others" -name '*.so*' -printf '%h\n' | sort -u | paste -sd :)
    loader=$(find "$scratch/others" -name 'ld-linux-x86-64.so.2' | head -n 1)
    # Plugins load libraries of their own.
    { echo "$scratch/root$program" && find "$scratch/root" -name '*.so'; } | while read -r file; do
        "$loader" --library-path "$libraries" --list "$file"
    done >"$scratch/loads"
    # The loader also looks in the folders of this system.
    if grep -F ' => ' "$scratch/loads" | grep -vF " => $scratch/" >&2; then
        echo "fetch_packages.sh: the packages that $* depend on lack these libraries" >&2
        exit 1
    fi
    sed -i -n 's/.* => \([^ ]*\) .*/\1/p' "$scratch/loads"
    sort -u "$scratch/loads" | xargs -r cp -Lt "$scratch/lib"
    used="$names$({ echo "$loader" && cat "$scratch/loads"; } | sed -n "s|^$scratch/others/\([^/]*\)/.*|\1|p" | sort -u | tr '\n' ' ')"
    rm "$scratch/loads"
    # A process is named after the file that starts it.
    loader_name=$(basename "$program")
    cp -L "$loader" "$scratch/lib/$loader_name"
    cat >"$scratch/run" <<EOF
#!/bin/sh
exec "$folder/lib/$loader_name" --library-path "$folder/lib" "$folder/root$program" "\$@"
EOF
    chmod +x "$scratch/run"
fi
while read -r name rest; do
    [[ $used != *" $name "* ]] || echo "$name $rest" >>"$scratch/packages"
done <"$scratch/downloaded"
rm -rf "$scratch"/{archives,others,downloaded}
rm -rf "$folder"
mv "$scratch" "$folder"
