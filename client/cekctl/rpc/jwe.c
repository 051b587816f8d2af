/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/jwe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cekctl/console/io.h"

int jwe_read_input(const struct ctl *ctl, size_t max, struct arena *ret_arena, size_t *ret_len)
{
	struct arena arena;
	ssize_t n;
	int r = arena_init(&arena, max);

	if (r < 0)
		return ctl_fail(ctl, "out of memory");
	n = io_read_all(STDIN_FILENO, arena.base, max);
	arena.used = n >= 0 ? (size_t)n : max;
	if (n >= 0) {
		*ret_arena = arena;
		*ret_len = (size_t)n;
		return EXIT_SUCCESS;
	}
	arena_deinit(&arena);
	if (n == -EMSGSIZE)
		return ctl_fail(ctl, "TOO_LARGE: standard input has more than %zu bytes; see --limit", max);
	return ctl_fail(ctl, "cannot read standard input: %s", strerror((int)-n));
}

int jwe_fail(const struct ctl *ctl, const struct cek_jwe_error *error)
{
	return ctl_fail(ctl, "%s: %s", cek_jwe_code_name(error->code),
		*error->details ? error->details : cek_jwe_code_text(error->code));
}

int jwe_check_limit(const struct ctl *ctl, uint32_t limit)
{
	if (limit > 0 && limit <= JWE_PLAINTEXT_MAX)
		return EXIT_SUCCESS;
	return ctl_usage(ctl, "--limit is at least 1 and at most %d bytes", JWE_PLAINTEXT_MAX);
}
