/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/shared/sandbox.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "daemon/shared/sandbox_landlock.h"
#include "daemon/shared/sandbox_seccomp.h"

#ifdef CEK_TEST_HOOKS
#include <valgrind/valgrind.h>
#endif

#ifndef __has_feature
#define __has_feature(x) 0
#endif

/* Sanitizers and valgrind need ptrace, files and calls of their own at any time. */
static const char *instrumented(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) || \
	__has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
	return "sanitizer build";
#else
#ifdef CEK_TEST_HOOKS
	if (RUNNING_ON_VALGRIND)
		return "valgrind";
#endif
	return NULL;
#endif
}

/* A dump or a tracer of the same uid would show CEKs. Cannot fail. */
static void forbid_dumps(void)
{
	const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

struct outcome {
	int seccomp;  /* 0 or -errno */
	int landlock; /* ABI, 0 for none, or -errno */
	bool wants_landlock;
};

static bool complete(const struct outcome *outcome)
{
	return outcome->seccomp == 0 && (outcome->landlock > 0 || !outcome->wants_landlock);
}

static void describe(const struct outcome *outcome, char *report, size_t size)
{
	char seccomp[64] = "seccomp", landlock[64] = "";

	if (outcome->seccomp < 0)
		(void)snprintf(seccomp, sizeof(seccomp), "no seccomp (%s)", strerror(-outcome->seccomp));
	if (outcome->wants_landlock && outcome->landlock > 0)
		(void)snprintf(landlock, sizeof(landlock), ", landlock %d", outcome->landlock);
	else if (outcome->wants_landlock)
		(void)snprintf(landlock, sizeof(landlock), ", no landlock (%s)",
			outcome->landlock < 0 ? strerror(-outcome->landlock) : "not in this kernel");
	(void)snprintf(report, size, "%s%s, no core dumps", seccomp, landlock);
}

int sandbox_enter(enum sandbox_role role, const char *mode, const struct sandbox_path *paths, char *report,
	size_t report_size)
{
	const bool required = strcmp(mode, "required") == 0;
	const char *instrument = instrumented();
	/* The parent starts programs, and what it gives up they could not take back. */
	struct outcome outcome = {.wants_landlock = role != SANDBOX_PARENT};

	if (strcmp(mode, "off") == 0) {
		(void)snprintf(report, report_size, "off");
		return 0;
	}
	if (instrument != NULL) {
		(void)snprintf(report, report_size, "reduced: %s", instrument);
		return required ? -ENOTSUP : 0;
	}
	forbid_dumps();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		outcome.seccomp = outcome.landlock = -errno;
	if (outcome.wants_landlock && outcome.landlock == 0)
		outcome.landlock = sandbox_landlock(role, paths);
	if (outcome.seccomp == 0)
		outcome.seccomp = sandbox_seccomp(role);
	describe(&outcome, report, report_size);
	return required && !complete(&outcome) ? -ENOTSUP : 0;
}

int sandbox_reenter(const char *mode)
{
	if (strcmp(mode, "off") != 0 && instrumented() == NULL)
		forbid_dumps();
	return 0;
}
