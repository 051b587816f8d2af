/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a private key is refused: one English phrase.
 */
#pragma once

enum { PRIVATE_WHY = 256 };

/* Write it. Returns -EINVAL. */
int private_refuse(char why[PRIVATE_WHY], const char *format, ...) __attribute__((format(printf, 2, 3)));
