#!/bin/sh
# The Debian packages that the given files list: installed where that is allowed, else named.
set -eu
missing=""
for package in $(cat "$@"); do
    dpkg -s "$package" >/dev/null 2>&1 || command -v "$package" >/dev/null 2>&1 || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of names
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "Please install:$missing   (on Debian or Ubuntu: sudo apt-get install$missing)" >&2
    exit 1
fi
