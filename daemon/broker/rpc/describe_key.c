/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/request/describe.h"
#include "daemon/broker/rpc/rpc.h"

int rpc_describe_key(struct request *request)
{
	const Cek__V1__DescribeKeyRequest *message = request->message->describe_key;
	const struct describe how = {.brief = message->brief, .before = message->before, .asked = request->version};

	return describe_reply(request, request->key, &how);
}
