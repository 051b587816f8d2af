/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a configuration before libconfuse sees it, which lets pass what means something else than was written: an
 * unset ${NAME} is empty to it, a file that ends inside a section is whole, "\*" is "*" and a NUL ends a string.
 */
#pragma once

#include <stdio.h>

/* Read all of file, called name in messages. The text given back has no comments and no ${NAME}, each option once, and
 * the lines of the file; free() it. 0, or -EINVAL with "NAME:LINE: what is wrong and what to do" in ret_error
 * (CONFIG_ERROR_MAX bytes), or -ENOMEM. */
int syntax_read(FILE *file, const char *name, char **ret_text, char *ret_error);
