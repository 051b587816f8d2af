/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection: its parts, and what belongs to none of them. cek.h is what callers see.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/calls.h"
#include "client/link.h"
#include "client/slots.h"
#include "client/stream.h"

struct cek_conn {
	struct stream out;
	struct cekd_link link;
	struct calls calls;
	struct slots *slots; /* of the results */

	unsigned process_id; /* see conn.c */
	bool running;        /* inside process() or wait(): no second loop below it */
	bool closing;        /* freed: goes when nobody is inside any more */
	unsigned pins;

	cek_wakeup *wakeup; /* NULL = nobody wants to know */
	void *wakeup_data;

	cek_result *notice; /* what cekd says to all calls that are lost with the socket; NULL most of the time */
	bool watched;       /* cekd tells this socket about each new epoch */
	uint64_t epoch;
};
