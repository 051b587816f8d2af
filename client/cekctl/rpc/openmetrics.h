/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenMetrics 1.0 text as JSON.
 */
#pragma once

#include <jansson.h>

/* An array of families in their order: name, type, unit, help, samples (name, labels, value). Values that JSON has no
 * numbers for are left out. NULL if text is no such text, or memory ran out. */
json_t *openmetrics_json(const char *text);
