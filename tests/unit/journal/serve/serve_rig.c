/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/journal/serve/serve_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "proto/dgram.h"
#include "tests/unit/journal/serve/broker_end.h"

#define LOOK_LATER_US (UINT64_C(86400) * 1000000)

struct serve serve;
struct journal_files files;
struct memory_journal journal;
int broker, control;
static struct control its_control;

static struct journals journals;

static int begin(struct store *store)
{
	int pair[2], control_pair[2];

	if (dgram_pair(pair) < 0 || dgram_pair(control_pair) < 0 ||
		control_init(&its_control, control_pair[0], false) < 0)
		return -1;
	broker = pair[1];
	control = control_pair[1];
	serve = (struct serve){
		.pair = {.fd = pair[0], .control = &its_control},
		.store = store,
		.audit = journals.audit,
		.evidence = &journals.evidence,
		.sandbox = "none",
	};
	if (serve_init(&serve) < 0)
		return -1;
	serve.look_due = clock_monotonic_us() + LOOK_LATER_US;
	return 0;
}

void serve_rig_read(void)
{
	Cek__Internal__V1__FromJournal *message;

	broker_send_replay(broker, 1000);
	assert_int_equal(serve_readable(&serve), 0);
	while ((message = broker_receive(broker)))
		broker_done(message);
	assert_true(serve.keys.read);
}

int serve_rig_setup(void **state)
{
	(void)state;
	journal_files_make(&files);
	journal_files_begin(&files, &journals);
	return begin(journals.store);
}

int serve_rig_setup_waiting(void **state)
{
	(void)state;
	journal_files_make(&files);
	journal_files_begin(&files, &journals);
	journal = (struct memory_journal){.head = chain_start()};
	if (begin(store_memory_open(&journal)) < 0 || serve_announce(&serve) < 0)
		return -1;
	serve.audit_durable = true;
	serve_rig_read();
	return 0;
}

int serve_rig_teardown(void **state)
{
	(void)state;
	journal_no_limit();
	serve_deinit(&serve);
	if (serve.store != journals.store)
		store_close(serve.store);
	text_deinit(&journal.text);
	journal_files_end(&journals);
	close(serve.pair.fd);
	close(its_control.fd);
	close(broker);
	close(control);
	journal_files_remove(&files);
	return 0;
}

void serve_rig_nothing_due(void)
{
	assert_true(serve_timeout(&serve) > 3600000);
}
