/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the token can do what keys need.
 */
#pragma once

#include "client/cekctl/doctor/report.h"

/* Those of doctor's key, or of all keys that this user may see. */
void algorithms_look(struct doctor *doctor, const Cek__V1__StatusReply *status);
