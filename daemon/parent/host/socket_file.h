/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a socket that bind() has made, in a folder that has been judged (paths.h).
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Held with O_PATH, without following a link: a new socket of ours. -ESTALE if something was put in its place, another
 * -errno on failure. */
int socket_file_open(int folder, const char *name, int *ret_file);

/* Whose it is, and who may connect; (uid_t)-1 and (gid_t)-1 are left as they are. 0 or -errno: -EPERM if cekd may not
 * give it away. */
int socket_file_set_access(int file, mode_t mode, uid_t owner, gid_t group);

/* Removes it, unless another file has its name by now. */
void socket_file_remove(int folder, const char *name, int file);

bool socket_file_same(const struct stat *a, const struct stat *b);
