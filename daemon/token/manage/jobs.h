/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs of the manage worker: they make, change and look through objects. Each fills ret_result, which then points into
 * the arena.
 */
#pragma once

#include <stdbool.h>

#include "daemon/token/probe/worker.h"
#include "proto/internal.pb-c.h"

void manage_generate(struct worker *worker, const Cek__Internal__V1__GenerateJob *job,
	Cek__Internal__V1__JobResult *ret_result);
void manage_import(struct worker *worker, const Cek__Internal__V1__ImportJob *job,
	Cek__Internal__V1__JobResult *ret_result);
void manage_adopt(struct worker *worker, const Cek__Internal__V1__AdoptJob *job,
	Cek__Internal__V1__JobResult *ret_result);
void manage_destroy(struct worker *worker, const Cek__Internal__V1__DestroyJob *job,
	Cek__Internal__V1__JobResult *ret_result);
void manage_transport(struct worker *worker, const Cek__Internal__V1__TransportJob *job,
	Cek__Internal__V1__JobResult *ret_result);

/* Sends all results but the last, which it leaves in ret_result, through send. */
typedef int manage_send(void *context, Cek__Internal__V1__JobResult *result);
int manage_inventory(struct worker *worker, manage_send *send, void *context, Cek__Internal__V1__JobResult *ret_result);

/* Is a transport key open? It dies with this process. */
bool manage_transport_open(void);
