/*
 * SIGHUP: rules and limits from the file.
 */
#pragma once

#include "daemon/parent/children.h"
#include "daemon/parent/config/config.h"

/* Read the file at path; what of it can be taken without a restart is in force in running and, unless the broker refuses
 * it, there. Logs what comes of it. 0, or -EINVAL if the file is not one that cekd could run with. */
int reload(struct config *running, const char *path, struct child *broker);
