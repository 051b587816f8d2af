/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/import/private_why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int private_refuse(char why[PRIVATE_WHY], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, PRIVATE_WHY, format, args);
	va_end(args);
	return -EINVAL;
}
