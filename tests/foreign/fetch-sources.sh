#!/bin/sh
# Fetches upstream source archives of Debian packages, without changing the system's apt configuration.
#
#   fetch-sources.sh FOLDER PACKAGE...
#
# leaves FOLDER/PACKAGE_VERSION.orig.tar.*; a package whose archive is there already is not fetched again.
set -eu
folder=$1
shift
mkdir -p "$folder"
cd "$folder"

missing=
for package; do
    ls "$package"_*.orig.tar.* >/dev/null 2>&1 || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

# The same archives as the system's, as sources.
rm -rf apt
mkdir -p apt/parts apt/lists/partial apt/cache/archives/partial
for file in /etc/apt/sources.list.d/*.sources; do
    if grep -qs debian-archive-keyring "$file"; then
        sed 's/^Types:.*/Types: deb-src/' "$file" >"apt/parts/$(basename "$file")"
    fi
done
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    if grep -qs '^deb .*debian' "$file"; then
        sed -n 's/^deb \(.*debian\)/deb-src \1/p' "$file" >"apt/parts/$(basename "$file" .list)-sources.list"
    fi
done
set -- -q -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$PWD/apt/parts" \
    -o "Dir::State::Lists=$PWD/apt/lists" -o "Dir::Cache=$PWD/apt/cache"
apt-get "$@" update >apt/log 2>&1 || { cat apt/log >&2; exit 1; }

# A mirror may lack the archive of the newest version and have that of another.
for package in $missing; do
    for version in $(apt-cache "$@" showsrc "$package" | sed -n 's/^Version: //p'); do
        apt-get "$@" source --download-only "$package=$version" >>apt/log 2>&1 && break
        rm -f "$package"_*.orig.tar.*
    done
    ls "$package"_*.orig.tar.* >/dev/null 2>&1 || { cat apt/log >&2; exit 1; }
done
rm -rf apt
