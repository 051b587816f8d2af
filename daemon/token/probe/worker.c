/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/probe/worker.h"

#include <stdio.h>
#include <string.h>

#include "daemon/token/p11/ckr.h"

void worker_end(struct worker *worker, CK_RV rv)
{
	worker->ending = true;
	if (ckr_class(rv) == CKR_CLASS_PIN)
		worker->pin_refused = true;
	if (worker->token.session.why[0])
		memcpy(worker->why, worker->token.session.why, sizeof(worker->why));
	else
		snprintf(worker->why, sizeof(worker->why), "token: %s", ckr_name(rv));
}

bool worker_renew(struct worker *worker, bool login_only, CK_RV rv)
{
	struct session *session = &worker->token.session;
	enum session_result result;

	keys_forget_all(&worker->keys);
	result = login_only ? session_login(session) : session_reopen(session);
	if (result != SESSION_OK)
		worker_end(worker, result == SESSION_PIN ? CKR_PIN_INCORRECT : rv);
	return result == SESSION_OK;
}
