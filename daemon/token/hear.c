/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/hear.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/log.h"
#include "daemon/token/tell.h"
#include "proto/dgram.h"
#include "proto/sequence_tables.h"

enum { CONTROL_MAX = 256 }; /* bytes: cekd says nothing longer here */

void hear_init(struct hear *hear, bool manage)
{
	sequence_init(&hear->broker, &sequence_broker_to_worker, manage ? TO_MANAGE_WORKER : TO_USE_WORKER);
	sequence_init(&hear->cekd, &sequence_cekd_to_worker, CHILD_SERVES);
}

int hear_job(struct hear *hear, const Cek__Internal__V1__Job *job, uint64_t first)
{
	char how[SEQUENCE_HOW_MAX];
	enum sequence_verdict verdict = job ? sequence_take(&hear->broker, job->op_case, 0, how)
					    : sequence_no_message(&hear->broker, how);

	if (verdict == SEQUENCE_FITS && (job->id == 0 || job->id != first))
		verdict = sequence_cannot_be(&hear->broker, "a job whose number does not stand first", how);
	if (verdict == SEQUENCE_FITS)
		return 0;
	tell_broke(false, how);
	return -EBADMSG;
}

bool hear_fits(struct hear *hear, const Cek__Internal__V1__Control *message)
{
	char how[SEQUENCE_HOW_MAX];

	if ((message ? sequence_take(&hear->cekd, message->what_case, 0, how)
		     : sequence_no_message(&hear->cekd, how)) == SEQUENCE_FITS)
		return true;
	tell_broke(true, how);
	return false;
}

bool hear_cekd(struct hear *hear, int control)
{
	uint8_t buffer[CONTROL_MAX];
	const ssize_t len = dgram_recv(control, MSG_DONTWAIT, buffer, sizeof(buffer), NULL, 0, NULL);
	Cek__Internal__V1__Control *message;

	if (len == -EAGAIN)
		return false;
	if (len <= 0 && len != -EMSGSIZE)
		return true;
	message = len < 0 ? NULL : cek__internal__v1__control__unpack(NULL, (size_t)len, buffer);
	(void)hear_fits(hear, message);
	cek__internal__v1__control__free_unpacked(message, NULL);
	return true; /* Drain, or what may not be */
}
