/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cekd-broker: parses, decides, forwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/net/parent_link.h"
#include "daemon/shared/sandbox.h"
#include "daemon/shared/testhook.h"
#include "proto/dgram.h"

enum { CONTROL_FD = 3 };

static uint8_t buffer[DGRAM_MAX]; /* for Setup, which holds no secret */

static int fail(struct broker *broker, int failing_class, const char *why)
{
	log_error("%s", why);
	parent_link_tell_failing(&broker->parent, failing_class, why);
	return 1;
}

/* The shared page comes last, if there is one. */
static size_t take_test_page(const Cek__Internal__V1__Setup *setup, const int *fds, size_t n_fds)
{
#ifdef CEK_TEST_HOOKS
	if (setup->test_clock && n_fds > 0) {
		testhook_map(fds[n_fds - 1]);
		close(fds[n_fds - 1]);
		return n_fds - 1;
	}
#endif
	return n_fds;
}

static int run(struct broker *broker, const Cek__Internal__V1__Setup *setup, const int *fds, size_t n_fds)
{
	char why[256] = "";
	int r;

	if (setup->role_case != CEK__INTERNAL__V1__SETUP__ROLE_BROKER)
		return fail(broker, CEK__INTERNAL__V1__FAILING__CLASS__CONFIGURATION,
			"this is the broker, and the setup is another's");
	n_fds = take_test_page(setup, fds, n_fds);
	r = broker_init(broker, setup->broker, CONTROL_FD, fds, n_fds, why, sizeof(why));
	if (r < 0)
		return fail(broker, CEK__INTERNAL__V1__FAILING__CLASS__CONFIGURATION,
			why[0] != '\0' ? why : strerror(-r));
	r = sandbox_enter(SANDBOX_BROKER, setup->sandbox, NULL, broker->sandbox, sizeof(broker->sandbox));
	if (r < 0)
		return fail(broker, CEK__INTERNAL__V1__FAILING__CLASS__CONFIGURATION, broker->sandbox);
	return broker_run(broker);
}

int main(void)
{
	static struct broker broker;
	Cek__Internal__V1__Setup *setup;
	int fds[DGRAM_FDS_MAX], status;
	size_t n_fds = 0;
	ssize_t n;

	log_open("cekd-broker");
	signal(SIGPIPE, SIG_IGN);
	broker.parent.fd = CONTROL_FD;
	n = dgram_recv(CONTROL_FD, 0, buffer, sizeof(buffer), fds, DGRAM_FDS_MAX, &n_fds);
	setup = n > 0 ? cek__internal__v1__setup__unpack(NULL, (size_t)n, buffer) : NULL;
	if (!setup)
		return fail(&broker, CEK__INTERNAL__V1__FAILING__CLASS__CONFIGURATION,
			"no setup on descriptor 3: cekd starts this program");
	status = run(&broker, setup, fds, n_fds);
	cek__internal__v1__setup__free_unpacked(setup, NULL);
	broker_deinit(&broker);
	return status;
}
