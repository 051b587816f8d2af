/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way from this user to cekd: socket, permission, daemon, rule.
 */
#pragma once

#include <stdbool.h>

#include "client/cekctl/doctor/report.h"

/* False: cekd cannot be asked anything. Fills in doctor's status and explain. */
bool way_look(struct doctor *doctor);
