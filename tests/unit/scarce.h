/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that runs out: one allocation of the code under test fails. A program with this is linked with
 * scarce_link_args, so that malloc and its like of all that is linked in statically come here, under sanitizers too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* From now on the n-th allocation while it is on fails, and no other one. 0: none. */
void scarce_arm(size_t n);

/* Whether it has failed. */
bool scarce_failed(void);

/* Count and fail, or leave alone what the test itself allocates. */
void scarce_on(bool on);

/* For a while what is on counts and fails nothing. */
void scarce_pause(bool paused);

/* For further functions that a test wraps: whether this one shall fail. */
bool scarce_fails(void);

/* The same for shared libraries that can be told what to call. */
void *scarce_malloc(size_t size);
void *scarce_realloc(void *data, size_t size);
void scarce_free(void *data);
