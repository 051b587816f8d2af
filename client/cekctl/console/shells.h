/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scripts that make shells ask cekctl what a word may become.
 */
#pragma once

/* For "bash", "zsh" or "fish"; NULL for others. */
const char *shells_script(const char *shell);
