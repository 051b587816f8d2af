#include "daemon/broker/describe.h"
#include "daemon/broker/rpc.h"

int rpc_describe_key(struct request *request)
{
	return describe_reply(request, request->key);
}
