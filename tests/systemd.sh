#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: tests/systemd.sh FOLDER TMPFILES SOFTHSM UNIT...
# systemd itself reads the files that it is given: the accounts are made, the directories belong to them, the units and
# their drop-ins (SOFTHSM, which is always there, and the examples in FOLDER) have no key that it does not know,
# and what it takes for their exposure stays low. All of it below a folder of its own; no systemd need run.
set -eu
folder=$(realpath "$1") tmpfiles=$(realpath "$2") softhsm=$(realpath "$3")
shift 3
for tool in systemd-sysusers systemd-tmpfiles systemd-analyze; do
	command -v $tool >/dev/null || { echo "no $tool here: install the package systemd"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/etc" "$work/units/cekd.service.d" "$work/units/cek-auth.service.d"

systemd-sysusers --root="$work/root" "$folder"/sysusers.d/*.conf
for user in _cekd-broker _cekd-token _cekd-journal _cekd-jwks; do
	grep -q "^$user:x:[0-9]*:[0-9]*:cekd [a-zA-Z ]*:/:/usr/sbin/nologin\$" "$work/root/etc/passwd" ||
		{ echo "$user was not made"; exit 1; }
done
grep -q '^cekd:' "$work/root/etc/group"
grep -q '^_cek-auth:' "$work/root/etc/passwd"

# directory PATTERN MODE UID
directory() {
	[ -n "$(find "$work/root" -type d -path "$work/root$1" -perm "$2" -uid "$3")" ] ||
		{ echo "no directory $1 of mode $2 and owner $3"; ls -lnR "$work/root"; exit 1; }
}
if [ "$(id -u)" = 0 ]; then # others cannot give anything away
	systemd-tmpfiles --root="$work/root" --create "$tmpfiles"
	directory /run/cekd 755 0
	directory '/*/lib/cekd' 711 0
fi

# Where cekd will be installed it is not yet.
for unit; do
	sed 's,^\(ExecStart\|ExecStartPre\|ExecReload\)=[^ ]*,\1=/bin/true,' "$unit" >"$work/units/$(basename "$unit")"
done
sed 's,^ExecStartPost=[^ ]*,ExecStartPost=/bin/true,' "$softhsm" >"$work/units/cekd.service.d/50-softhsm.conf"

# verify NAME: what is in $work/units now. A key that it does not know is only spoken of; so are the faults of other units.
verify() {
	systemd-analyze verify --man=no "$work"/units/*.service "$work"/units/*.socket >"$work/said" 2>&1 ||
		{ echo "$1:"; cat "$work/said"; exit 1; }
	if grep -e "$work" -e '^cekd\.' -e '^cekd-' -e '^cek-auth' "$work/said"; then
		echo "$1: see above"
		exit 1
	fi
}

# exposure UNIT TENTHS WHAT: it is at most that; lines that say what makes it are shown if not.
exposure() {
	if systemd-analyze security --offline=yes --no-pager --threshold="$2" "$work/units/$1" >"$work/said" 2>&1; then
		echo "$3: $(grep -o 'Overall exposure.*: [0-9.]*' "$work/said" | sed 's/.*: //')"
	else
		grep -v '^✓' "$work/said"
		echo "$3: more exposed than $2 tenths"
		exit 1
	fi
}

verify "the units"
exposure cekd.service 15 "cekd.service"
exposure cekd-softhsm-init.service 15 "cekd-softhsm-init.service"
exposure "$(cd "$work/units" && echo cekd-jwks@*.service)" 12 "cekd-jwks@.service"
exposure cek-auth.service 10 "cek-auth.service"

# with UNIT DROPIN TENTHS
with() {
	cp "$folder/$1.d/$2.conf" "$work/units/$1.d/60-$2.conf"
	verify "$2.conf"
	exposure "$1" "$3" "$1 with $2.conf"
	rm "$work/units/$1.d/60-$2.conf"
	tried="$tried $2.conf"
}
tried=
with cekd.service tpm 16
with cekd.service network-hsm 23
with cekd.service smart-card 15
with cekd.service pin-credential 15
with cek-auth.service loopback 15
for file in "$folder"/*.service.d/*.conf; do
	case "$tried " in
	*" $(basename "$file") "*) ;;
	*) echo "$file: by which exposure? say it in $0"; exit 1 ;;
	esac
done
echo "systemd takes the files"
