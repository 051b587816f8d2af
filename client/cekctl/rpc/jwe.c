/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/jwe.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/plural.h"
#include "client/cekctl/console/io.h"
#include "client/cekctl/rpc/near.h"
#include "client/cekctl/rpc/reach.h"
#include "client/cekctl/rpc/rpc.h"

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
		return ctl_fail_as(ctl, "TOO_LARGE", NULL, "standard input has more than %zu byte%s; see --limit", max,
			plural(max));
	return ctl_fail(ctl, "cannot read standard input: %s", strerror((int)-n));
}

static int fail_as_jwe(const struct ctl *ctl, const struct cek_jwe_error *error)
{
	char hint[REACH_TEXT] = "";

	near_hint(ctl, error->code == CEK_JWE_POLICY ? CEK_E_INVALID : error->status, hint);
	return ctl_fail_as(ctl, cek_jwe_code_name(error->code), *hint ? hint : NULL, "%s",
		*error->details ? error->details : cek_jwe_code_text(error->code));
}

/* Why there is no connection stands in no status: a second look tells. */
int jwe_fail(const struct ctl *ctl, const struct cek_jwe_error *error)
{
	bool is_default;
	const char *path = reach_path(ctl, &is_default);
	struct reach reach;

	if (error->status == CEK_UNUSABLE) /* NO_KEY would send whoever reads it to look for a key that stands there */
		return ctl_fail_as(ctl, cek_status_name(CEK_UNUSABLE), NULL, "%s", error->details);
	if (error->code == CEK_JWE_NO_KEY && error->status == CEK_OK) /* nothing was asked: the token names no key */
		return ctl_fail_as(ctl, cek_jwe_code_name(error->code), "--key NAME says whose token it is", "%s",
			error->details);
	if (error->code == CEK_JWE_UNAVAILABLE && (errno = reach_try(path)) != 0 && errno != EAGAIN)
		rpc_explain(ctl, CEK_E_CONNECT, NULL, &reach);
	else if (error->status == CEK_E_TIMEOUT)
		rpc_explain(ctl, CEK_E_TIMEOUT, NULL, &reach);
	else if (error->code == CEK_JWE_DENIED)
		rpc_explain(ctl, CEK_DENIED, error->details, &reach);
	else if (error->status == CEK_E_PROTOCOL)
		rpc_explain(ctl, CEK_E_PROTOCOL, NULL, &reach);
	else
		return fail_as_jwe(ctl, error);
	return rpc_fail_reach(ctl, &reach);
}

int jwe_check_limit(const struct ctl *ctl, uint32_t limit)
{
	if (limit > 0 && limit <= JWE_PLAINTEXT_MAX)
		return EXIT_SUCCESS;
	return ctl_usage(ctl, "--limit is at least 1 and at most %d bytes", JWE_PLAINTEXT_MAX);
}
