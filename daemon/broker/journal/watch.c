/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "daemon/broker/journal/expected.h"
#include "daemon/broker/journal/watch.h"

/* One that says that it does not write has answered. */
uint64_t watch_oldest(const struct journal *journal)
{
	const uint64_t audit_us = audit_oldest(journal->audit_trail), keys_us = journal->owed_us;

	if (journal->known && !journal->ok)
		return 0;
	return audit_us == 0 || (keys_us != 0 && keys_us < audit_us) ? keys_us : audit_us;
}

/* One that is heard of is there, although a record may have to wait: it reads a long journal. Who has not even said its
 * process id, or is to be ended already, cekd judges. */
void watch_judge(struct journal *journal)
{
	const struct pulse *pulse = &journal->turn->pulse;
	const uint64_t oldest_us = watch_oldest(journal);
	const uint64_t since_us = oldest_us != 0 && oldest_us < journal->heard_us ? journal->heard_us : oldest_us;
	char how[96];

	if (journal->broke[0])
		expected_tell(journal);
	if (!late_look(&journal->late, pulse, "the journal", since_us, 0) || !pulse_over(pulse, since_us, 0) ||
		journal->pid == journal->ended_pid)
		return;
	snprintf(how, sizeof(how), "did not acknowledge a record for %u s",
		(unsigned)(pulse_age(pulse, since_us) / 1000000));
	if (journal->events->end(journal->owner, journal->pid, how, false))
		journal->ended_pid = journal->pid;
}
