#include "manage.h"
void manage_import(struct worker *worker, const Cek__Internal__V1__ImportJob *job, Cek__Internal__V1__JobResult *ret_result)
{
	(void)job;
	manage_fail(worker, ret_result, OUTCOME(UNSUPPORTED), "not yet");
}
void manage_transport(struct worker *worker, const Cek__Internal__V1__TransportJob *job, Cek__Internal__V1__JobResult *ret_result)
{
	(void)job;
	manage_fail(worker, ret_result, OUTCOME(UNSUPPORTED), "not yet");
}
bool manage_transport_open(void) { return false; }
