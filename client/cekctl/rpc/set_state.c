/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/set_state.h"

#include <stdlib.h>

#include "client/cekctl/rpc/keys.h"
#include "client/cekctl/rpc/rpc.h"

int set_state(struct ctl *ctl, Cek__V1__SetKeyStateRequest *change, const struct change_how *how)
{
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;

	request.op_case = CEK__V1__REQUEST__OP_SET_KEY_STATE;
	request.set_key_state = change;
	return change_run(ctl, &request, change->kid, how);
}

int set_state_back(struct ctl *ctl, char *kid, const char *reason, Cek__V1__State from, const char *hint,
	const struct change_how *how)
{
	Cek__V1__SetKeyStateRequest change = CEK__V1__SET_KEY_STATE_REQUEST__INIT;
	const Cek__V1__Version *version;
	Cek__V1__Reply *reply;
	int r = rpc_describe(ctl, NULL, kid, &reply);

	if (r != EXIT_SUCCESS)
		return r;
	version = keys_version(reply->key->key, kid);
	if (!version || version->state != from) {
		r = ctl_fail_as(ctl, "CONFLICT", NULL, "this version is %s%s",
			version ? keys_state(version->state) : "unknown", hint);
		rpc_reply_free(reply);
		return r;
	}
	change.kid = kid;
	change.state = version->resumes_to;
	change.current = &from;
	change.n_current = 1;
	change.reason = rpc_text(reason);
	rpc_reply_free(reply);
	return set_state(ctl, &change, how);
}
