/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/log.h"
#include "daemon/broker/journal/watch.h"
#include "daemon/broker/judge.h"
#include "daemon/broker/net/server.h"
#include "daemon/broker/workers/patience.h"

enum { ASKS_US = 2000000 }; /* cekd asks us every second at least */

/* Nobody here can replace cekd: the service manager's watchdog does. */
static void judge_cekd(struct broker *broker)
{
	(void)late_look(&broker->late, &broker->turn.pulse, "cekd", broker->parent.heard_us, ASKS_US);
}

static void on_beat(evutil_socket_t fd, short what, void *data)
{
	struct broker *broker = data;

	turn_look_at_clock(&broker->turn);
	pulse_beat(&broker->turn.pulse, broker->turn.now);
	watch_judge(&broker->journal);
	/* Status can say why. A journal that stands by has not told its state: then another broker accepts. */
	if (broker->journal.late.since_us != 0 && broker->journal.known)
		server_begin(&broker->server);
	patience_judge(&broker->workers);
	judge_cekd(broker);
	server_look(&broker->server);
}

int judge_init(struct broker *broker)
{
	const struct timeval period = pulse_period(&broker->turn.pulse);

	event_assign(&broker->beat, broker->turn.base, -1, EV_PERSIST, on_beat, broker);
	return event_add(&broker->beat, &period) < 0 ? log_origin(-ENOMEM) : 0;
}

void judge_deinit(struct broker *broker)
{
	if (event_initialized(&broker->beat))
		event_del(&broker->beat);
}
