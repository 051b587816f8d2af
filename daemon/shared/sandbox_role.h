/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who enters a sandbox, and what of the file system it leaves open: what sandbox.h and its two halves talk about.
 */
#pragma once

enum sandbox_role {
	SANDBOX_PARENT,
	SANDBOX_BROKER,
	SANDBOX_TOKEN,
	SANDBOX_TOKEN_SPARED, /* the same, but for orphan_spare() */
	SANDBOX_JOURNAL,
};

struct sandbox_path {
	const char *path; /* NULL ends the list */
	enum { SANDBOX_READ, SANDBOX_READ_WRITE } access;
};
