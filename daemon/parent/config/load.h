/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cekd.conf, read and checked in whole before anything is started.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "daemon/parent/config/config.h"

/* Read file, called name in messages. split_uids: started as root, so the accounts must exist. 0, or -EINVAL with
 * "FILE:LINE: what is wrong and what to do" in ret_error (CONFIG_ERROR_MAX bytes), or -ENOMEM. */
int config_parse(FILE *file, const char *name, bool split_uids, struct config **ret_config, char *ret_error);

/* Copy the file at path into memory (memfd_create(2)), to be parsed by this process and by one that takes over from it.
 * As config_load(). */
int config_copy(const char *path, int *ret_fd, char *ret_error);

/* config_parse() of such a copy, which stays. */
int config_parse_copy(int fd, const char *name, bool split_uids, struct config **ret_config, char *ret_error);

/* The same from a path; a file that cannot be read is -EINVAL with the reason in ret_error. Warns in the log if others
 * than root or the user of cekd can write it. */
int config_load(const char *path, bool split_uids, struct config **ret_config, char *ret_error);
