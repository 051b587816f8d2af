/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGHUP: rules and limits from the file.
 */
#pragma once

#include "daemon/parent/children.h"
#include "daemon/parent/config/config.h"

/* Read the file at path and take from it what needs no restart, for running and the broker, or for neither if the
 * broker refuses it. Logs what came of it. 0, or -EINVAL if cekd could not run with the file. */
int reload(struct config *running, const char *path, struct child *broker);
