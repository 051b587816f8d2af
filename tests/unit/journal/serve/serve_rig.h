/* SPDX-License-Identifier: Apache-2.0 */
/* A struct serve with both of its pairs, for one test at a time. */
#pragma once

#include "daemon/journal/serve/serve.h"
#include "tests/unit/journal/journal_files.h"
#include "tests/unit/journal/store_memory.h"

extern struct serve serve;
extern struct journal_files files;
extern struct memory_journal journal; /* that of serve_rig_setup_waiting() */
extern int broker;                    /* the other end of the pair */
extern int control;

/* On two files; the test says when they are looked at. */
int serve_rig_setup(void **state);

/* The broker reads the key journal, as it must before it appends. */
void serve_rig_read(void);

/* The keys in a store that completes appends later, the audit records in a file as ever and durable at once;
 * announced. */
int serve_rig_setup_waiting(void **state);
int serve_rig_teardown(void **state);

/* But for the look at the files. */
void serve_rig_nothing_due(void);
