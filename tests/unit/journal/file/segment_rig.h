/* SPDX-License-Identifier: Apache-2.0 */
/* One file for a struct segment, and an fdatasync() that fails when it shall. */
#pragma once

#include <sys/types.h>

#include "daemon/journal/file/segment.h"

extern char rig_path[64];
extern int rig_sync_error; /* what fdatasync() fails with; 0: it is the real one */
extern unsigned rig_syncs;
extern int rig_directory; /* the one in which the file stands */

int rig_setup(void **state);
int rig_teardown(void **state);
int rig_open_file(void);
void rig_start(struct segment *segment);

/* With padding, one line takes about 110 bytes more than that. */
void rig_add_line(struct segment *segment, const char *more, int padding);

/* The trouble begins with the file's name, and goes on like this. */
void rig_check_trouble(const struct segment *segment, const char *text);
off_t rig_file_size(void);
void rig_make_file_of(const char *text, off_t size);
void rig_append_to_file(const char *text);

/* n lines in the file, as one write. */
void rig_make_file(unsigned n, int padding);
