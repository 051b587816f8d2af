/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers as cekd starts them and as they go.
 */
#pragma once

#include "daemon/broker/workers/worker.h"

void workers_init(struct workers *workers, struct turn *turn, const struct workers_events *events, void *owner);
void workers_deinit(struct workers *workers);

/* cekd started a worker; fd is ours now, the page of executing.h stays the caller's. 0 or -errno. */
int workers_up(struct workers *workers, int fd, int executing, const Cek__Internal__V1__WorkerUp *up);
void workers_gone(struct workers *workers, const Cek__Internal__V1__WorkerGone *gone);
