/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real wrap and unwrap with the key that the caller names.
 */
#pragma once

#include "client/cekctl/doctor/report.h"

/* Needs doctor's key. What this user may not do is left out. */
void named_key_look(struct doctor *doctor);
