#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: tests/install.sh ROOT PREFIX
# After "DESTDIR=ROOT meson install": everything lies where it belongs, and a program that knows nothing of the source
# folder compiles with pkg-config's answers and runs.
set -eu
root=$1
prefix=$2
there() {
	for name; do
		found=$(find "$root$prefix" -path "$root$prefix/$name" | head -n 1)
		[ -n "$found" ] || { echo "not installed: $prefix/$name"; exit 1; }
	done
}
there sbin/cekd libexec/cekd/cekd-broker libexec/cekd/cekd-token libexec/cekd/cekd-journal bin/cekctl
there include/cek.h include/cek-jose.h include/cek-jwt.h
there '*/libcek.so' '*/libcek.so.?' '*/libcek-jose.so' '*/libcek-jose.so.?'
there '*/pkgconfig/libcek.pc' '*/pkgconfig/libcek-jose.pc'
there 'share/man/man1/cekctl.1*' 'share/man/man3/libcek.3*' 'share/man/man3/libcek-jose.3*' \
	'share/man/man3/libcek-jwt.3*' 'share/man/man8/cekd.8*' 'share/man/man8/cek-auth.8*' 'share/man/man5/cekd.conf.5*'
there share/bash-completion/completions/cekctl.bash 'share/zsh/*/_cekctl' share/fish/vendor_completions.d/cekctl.fish
there share/cekd/proto/cek.proto share/doc/cekd/PROTOCOL.md share/doc/cekd/examples/unwrap_blocking.c \
	share/doc/cekd/examples/jwe_decrypt.c

libs=$(dirname "$(find "$root$prefix" -name libcek.so)")
export PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_PATH="$libs/pkgconfig"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/consumer.c" <<'END'
#include <cek-jose.h>
#include <cek.h>
#include <stdio.h>

int main(void)
{
	cek_conn *conn;

	if (cek_conn_new("/nonexistent", &conn) != CEK_OK)
		return 1;
	cek_conn_free(conn);
	return puts(cek_jwe_code_name(CEK_JWE_FAILED)) < 0;
}
END
# shellcheck disable=SC2046
cc -Wall -Wextra -Werror "$work/consumer.c" -o "$work/consumer" $(pkg-config --cflags --libs libcek-jose libcek)
[ "$(LD_LIBRARY_PATH=$libs "$work/consumer")" = FAILED ]
# What a client author finds: examples that compile, and the protocol's messages.
for example in "$root$prefix"/share/doc/cekd/examples/*.c; do
	case $example in
	*/loop_event.c) needs=libevent_core ;;
	*/loop_uv.c) needs=libuv ;;
	*) needs= ;;
	esac
	if [ -n "$needs" ] && ! env -u PKG_CONFIG_SYSROOT_DIR pkg-config --exists $needs; then continue; fi
	# shellcheck disable=SC2046
	cc -Wall -Werror "$example" -o "$work/example" $(pkg-config --cflags --libs libcek-jose libcek) \
		$([ -z "$needs" ] || env -u PKG_CONFIG_SYSROOT_DIR pkg-config --cflags --libs $needs)
done
protos=$(pkg-config --variable=protodir libcek)
protoc --proto_path="$root${protos#"$root"}" --descriptor_set_out=/dev/null cek.proto
# The functions that the symbol maps name, and no others.
for library in libcek libcek-jose; do
	nm -D --defined-only "$libs/$library.so" | awk '$2 == "T" { print $3 }' | sed 's/@.*//' | grep -v '^cek_' && {
		echo "$library exports more than its own names"
		exit 1
	}
done
echo "installed files are as they should be"
