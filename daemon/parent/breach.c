/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/breach.h"

#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "daemon/parent/tell.h"

void breach_count(struct family *family, enum sequence_pair pair)
{
	if (pair >= SEQUENCE_PAIRS)
		return;
	family->broken[pair]++;
	tell_broken(&family->broker, family->broken);
}

void breach_note(struct family *family, enum sequence_pair pair, const char *who, const char *how)
{
	log_error("%s %s: it is ended", who, how);
	breach_count(family, pair);
}

void breach_end(struct child *child, const char *how)
{
	(void)snprintf(child->why, sizeof(child->why), "killed: it %s", how);
	child->condemned = true;
	child_kill(child, SIGKILL);
}

enum sequence_pair breach_by_cekd(const struct child *child)
{
	switch (child->role) {
	case CHILD_JOURNAL:
		return SEQUENCE_CEKD_TO_JOURNAL;
	case CHILD_BROKER:
		return SEQUENCE_CEKD_TO_BROKER;
	case CHILD_WORKER:
		break;
	}
	return SEQUENCE_CEKD_TO_WORKER;
}

enum sequence_pair breach_by_broker(const struct child *child)
{
	return child->role == CHILD_JOURNAL ? SEQUENCE_BROKER_TO_JOURNAL : SEQUENCE_BROKER_TO_WORKER;
}
