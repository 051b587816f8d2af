/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The beat of the pulse: whether the others answer is looked at once a period.
 */
#pragma once

#include "daemon/broker/context/context.h"

/* 0 or -errno; judge_deinit() is safe on a zeroed broker. */
int judge_init(struct broker *broker);
void judge_deinit(struct broker *broker);
