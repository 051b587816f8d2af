#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: tests/systemd.sh SYSUSERS TMPFILES UNIT...
# systemd itself reads the files that it is given: the accounts are made, the directories belong to them, and the units have
# no key that it does not know. All of it below a folder of its own; no systemd need run.
set -eu
sysusers=$(realpath "$1") tmpfiles=$(realpath "$2")
shift 2
for tool in systemd-sysusers systemd-tmpfiles systemd-analyze; do
	command -v $tool >/dev/null || { echo "no $tool here: install the package systemd"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/etc" "$work/units"

systemd-sysusers --root="$work/root" "$sysusers"
for user in _cekd-broker _cekd-token _cekd-journal; do
	grep -q "^$user:x:[0-9]*:[0-9]*:cekd [a-z ]*:/:/usr/sbin/nologin\$" "$work/root/etc/passwd" ||
		{ echo "$user was not made"; exit 1; }
done
grep -q '^cekd:' "$work/root/etc/group"

# directory PATTERN MODE UID
directory() {
	[ -n "$(find "$work/root" -type d -path "$work/root$1" -perm "$2" -uid "$3")" ] ||
		{ echo "no directory $1 of mode $2 and owner $3"; ls -lnR "$work/root"; exit 1; }
}
if [ "$(id -u)" = 0 ]; then # others cannot give anything away
	systemd-tmpfiles --root="$work/root" --create "$tmpfiles"
	directory /run/cekd 755 0
	directory '/*/lib/cekd' 711 0
	directory '/*/lib/cekd/tokens' 700 "$(sed -n 's/^_cekd-token:x:\([0-9]*\):.*/\1/p' "$work/root/etc/passwd")"
fi

# Where cekd will be installed it is not yet.
for unit; do
	sed 's,^ExecStart=[^ ]*,ExecStart=/bin/true,' "$unit" >"$work/units/$(basename "$unit")"
done
systemd-analyze verify --man=no "$work"/units/* >"$work/said" 2>&1 || { cat "$work/said"; exit 1; }
# A key that it does not know is only spoken of; so are the faults of other units here.
if grep -e "$work" -e '^cekd\.' "$work/said"; then
	exit 1
fi
echo "systemd takes the files"
