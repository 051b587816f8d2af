/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h on one file of this machine, audit.jsonl.
 */
#pragma once

#include "daemon/journal/audit.h"
#include "daemon/journal/evidence.h"
#include "daemon/journal/store.h"

struct audit_file_setup {
	int fd;                         /* O_RDWR | O_APPEND */
	int directory;                  /* where audit.jsonl stands; O_PATH is enough */
	const char *path;               /* of the directory */
	const char *version;            /* of cekd, for the record "open" */
	const struct store_state *keys; /* the key journal, as it was found */
	bool read_only;                 /* only look: fd may be O_RDONLY, nothing is cut off, no "open" is written */
};

/* Recover it, gather what it says about the key journal into evidence (zeroed), append "open". fd belongs to the
 * journal from here on, also on failure; directory, path and version must stay. 0 or -errno. */
int audit_file_open(const struct audit_file_setup *setup, struct evidence *evidence, struct audit **ret_audit);

/* The same while another process writes it, as store_file_stand_by(); keys is not needed. evidence must stay. */
int audit_file_stand_by(const struct audit_file_setup *setup, struct evidence *evidence, struct audit **ret_audit);
