/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/setup.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "proto/dgram.h"
#include "proto/internal.pb-c.h"
#include "proto/sequence.h"

typedef Cek__Internal__V1__Setup Setup;

enum {
	INSTANCE_BYTES = 8,
	MAX_FDS = LISTENERS_MAX + 6,
};

/* SP 800-38D section 8.3 allows 2^32 random IVs; half of that keeps counting errors of a crash harmless. */
#define GCM_WRAP_LIMIT (UINT64_C(1) << 31)

static int send_setup(const struct setup *setup, Setup *message, int *fds, size_t n_fds)
{
	message->sandbox = setup->config->sandbox;
	if (setup->test_page >= 0) {
		message->test_clock = true;
		fds[n_fds++] = setup->test_page;
	}
	return dgram_send(setup->control, &message->base, fds, n_fds);
}

int setup_journal(const struct setup *setup, int pair, const struct state *state)
{
	const struct config *config = setup->config;
	Cek__Internal__V1__JournalSetup journal = CEK__INTERNAL__V1__JOURNAL_SETUP__INIT;
	Setup message = CEK__INTERNAL__V1__SETUP__INIT;
	int fds[MAX_FDS] = {pair, state->keys, state->audit, state->place, setup->receipts};

	journal.directory = config->state_directory;
	journal.audit_durable = config->audit_durable;
	journal.sync_ms = config->audit_sync_ms;
	journal.stand_by = setup->stand_by;
	journal.version = (char *)(uintptr_t)CEK_VERSION;
	journal.check = setup->check;
	journal.boot = (char *)(uintptr_t)setup->boot;
	journal.destroy_wait_min = config->destroy_wait_min;
	message.role_case = CEK__INTERNAL__V1__SETUP__ROLE_JOURNAL;
	message.journal = &journal;
	return send_setup(setup, &message, fds, 5);
}

static int make_instance(char ret_instance[2 * INSTANCE_BYTES + 1])
{
	uint8_t random[INSTANCE_BYTES];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return log_origin(-EIO);
	for (size_t i = 0; i < INSTANCE_BYTES; i++)
		(void)snprintf(ret_instance + 2 * i, 3, "%02x", random[i]);
	return 0;
}

static uint64_t gcm_wrap_limit(void)
{
#ifdef CEK_TEST_HOOKS
	const char *limit = getenv("CEK_TEST_GCM_WRAP_LIMIT");

	if (limit != NULL)
		return strtoull(limit, NULL, 10);
#endif
	return GCM_WRAP_LIMIT;
}

static void fill_broker(const struct config *config, Cek__Internal__V1__BrokerSetup *broker)
{
	broker->rule = config->rules;
	broker->n_rule = config->n_rules;
	broker->audit_durable = config->audit_durable;
	broker->use_workers = config->workers;
	broker->destroy_wait = config->destroy_wait;
	broker->destroy_wait_min = config->destroy_wait_min;
	broker->split_uids = config->split_uids;
	broker->gcm_wrap_limit = gcm_wrap_limit();
	broker->usage_seconds = config->usage_seconds;
	broker->version = (char *)(uintptr_t)CEK_VERSION;
	broker->skew = config->skew;
	broker->hang_seconds = config->hang_seconds;
	broker->call_seconds = config->call_timeout;
}

int setup_broker(const struct setup *setup, int journal_pair, const struct listeners *listeners)
{
	const struct config *config = setup->config;
	Cek__Internal__V1__BrokerSetup broker = CEK__INTERNAL__V1__BROKER_SETUP__INIT;
	Cek__Internal__V1__Listener listener[LISTENERS_MAX], *pointers[LISTENERS_MAX];
	Cek__Internal__V1__Limits limits = config->limits;
	Cek__Internal__V1__Broken broken = CEK__INTERNAL__V1__BROKEN__INIT;
	Setup message = CEK__INTERNAL__V1__SETUP__INIT;
	char instance[2 * INSTANCE_BYTES + 1];
	int fds[MAX_FDS] = {journal_pair};
	const int r = make_instance(instance);

	if (r < 0)
		return r;
	for (size_t i = 0; i < listeners->n; i++) {
		cek__internal__v1__listener__init(&listener[i]);
		listener[i].name = config->listeners[i].name;
		listener[i].path = config->listeners[i].path;
		pointers[i] = &listener[i];
		fds[1 + i] = listeners->fds[i];
	}
	fill_broker(config, &broker);
	broker.listener = pointers;
	broker.n_listener = listeners->n;
	broker.limits = &limits;
	broker.instance = instance;
	broker.boot = (char *)(uintptr_t)setup->boot;
	broken.count = (uint64_t *)(uintptr_t)setup->broken;
	broken.n_count = SEQUENCE_PAIRS;
	broker.broken = &broken;
	message.role_case = CEK__INTERNAL__V1__SETUP__ROLE_BROKER;
	message.broker = &broker;
	return send_setup(setup, &message, fds, 1 + listeners->n);
}

int setup_worker(const struct setup *setup, bool manage, unsigned index, unsigned generation, int pair, int executing)
{
	const struct config *config = setup->config;
	Cek__Internal__V1__TokenSetup token = CEK__INTERNAL__V1__TOKEN_SETUP__INIT;
	Setup message = CEK__INTERNAL__V1__SETUP__INIT;
	int fds[MAX_FDS] = {pair, executing};
	size_t n_fds = 2;

	token.module = config->module;
	token.uri = config->token;
	token.init_reserved = config->module_init_reserved;
	token.manage = manage;
	token.index = index;
	token.generation = generation;
	token.call_seconds = config->call_timeout;
	token.memory_limit = (uint64_t)config->worker_memory << 20;
	token.path = config->module_paths;
	token.own_uid = config->split_uids;
	for (char **path = config->module_paths; *path != NULL; path++)
		token.n_path++;
	token.copy_keys = config->copy_keys && !manage;
	token.check = setup->check;
	message.role_case = CEK__INTERNAL__V1__SETUP__ROLE_TOKEN;
	message.token = &token;
	token.receipts = manage;
	if (manage)
		fds[n_fds++] = setup->receipts;
	return send_setup(setup, &message, fds, n_fds);
}
