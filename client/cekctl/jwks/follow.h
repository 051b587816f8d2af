/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file with a JWK Set that follows the ring, until SIGTERM or SIGINT. What goes wrong leaves the file as it is, is
 * told once, and is tried again: when cekd tells of a change, or with pauses of up to a second.
 */
#pragma once

#include "client/cekctl/console/ctl.h"
#include "client/cekctl/jwks/set.h"

/* One line on standard error for each change. hook: a program to be run after it, or NULL. The service manager
 * ($NOTIFY_SOCKET) hears READY=1 when the file holds the set. Without permission to watch it asks every ten seconds.
 * Returns an exit status. */
int follow(const struct ctl *ctl, cek_conn *conn, const struct set_wanted *wanted, const char *file, const char *hook);
