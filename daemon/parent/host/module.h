/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PKCS#11 module: its code gets the PIN and every CEK, and workers load it by its path whenever they start.
 */
#pragma once

/* Whether nobody but root, or the user that starts cekd, can put another one at path (paths.h) or write to it. What is
 * wrong is logged. An outcome of paths.h, or -errno. */
int module_check(const char *path);
