/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/config/ranges.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef Cek__Internal__V1__Limits Limits;

enum {
	DIGITS_MAX = 9, /* of the longest number that is in range */
};

struct range {
	const char *name;
	long min, max, standard;
	size_t offset; /* of a uint32_t */
};

/* In struct config. */
static const struct range numbers[] = {
	{"workers", 1, CONFIG_WORKERS_MAX, 2, offsetof(struct config, workers)},
	{"worker-memory", 16, 65536, 128, offsetof(struct config, worker_memory)},
	{"call-timeout", 1, 3600, 30, offsetof(struct config, call_timeout)},
	{"hang-seconds", 1, 3600, 10, offsetof(struct config, hang_seconds)},
	{"audit-sync-ms", 1, 10000, 100, offsetof(struct config, audit_sync_ms)},
	{"usage-seconds", 1, 60, 60, offsetof(struct config, usage_seconds)},
	{"destroy-wait", 1, 315360000, 604800, offsetof(struct config, destroy_wait)},
	{"destroy-wait-min", 0, 315360000, 3600, offsetof(struct config, destroy_wait_min)},
	{"skew", 0, 86400, 60, offsetof(struct config, skew)},
};

static const struct range limits[] = {
	{"connections", 1, 1000000, 10240, offsetof(Limits, connections)},
	{"connections-per-user", 1, 1000000, 4096, offsetof(Limits, connections_per_uid)},
	{"requests-per-connection", 1, 65536, 128, offsetof(Limits, requests_per_connection)},
	{"requests-per-user", 1, 1000000, 1024, offsetof(Limits, requests_per_uid)},
	{"queue-per-worker", 1, 64, 16, offsetof(Limits, queue_per_worker)},
	{"queue", 1, 1000000, 4096, offsetof(Limits, queue)},
	{"output-bytes", 65540, 1 << 26, 1 << 20, offsetof(Limits, output_bytes)},
	{"silent-seconds", 1, 86400, 30, offsetof(Limits, silent_seconds)},
	{"stalled-seconds", 1, 86400, 30, offsetof(Limits, stalled_seconds)},
	{"deadline-ms", 1, 3600000, 10000, offsetof(Limits, deadline_ms)},
	{"manage-deadline-ms", 1, 3600000, 120000, offsetof(Limits, manage_deadline_ms)},
	{"versions-tried", 1, 64, 8, offsetof(Limits, versions_tried)},
};

_Static_assert(sizeof(numbers) / sizeof(numbers[0]) == RANGES_NUMBERS, "RANGES_NUMBERS");
_Static_assert(sizeof(limits) / sizeof(limits[0]) == RANGES_LIMITS, "RANGES_LIMITS");
_Static_assert(sizeof(((struct config *)NULL)->workers) == sizeof(uint32_t), "both tables hold uint32_t");

static const struct range *find(const struct range *ranges, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(ranges[i].name, name) == 0)
			return &ranges[i];
	return NULL;
}

/* What libconfuse calls to read a number: decimal digits, in the range of its option. */
static int read_number(cfg_t *cfg, cfg_opt_t *option, const char *text, void *ret_number)
{
	const char *name = cfg_opt_name(option);
	const struct range *range = find(numbers, RANGES_NUMBERS, name);
	const size_t digits = strspn(text, "0123456789");
	long value = -1;

	if (!range)
		range = find(limits, RANGES_LIMITS, name);
	/* To libconfuse 010 is eight, and the empty string nought. */
	if (digits > 0 && digits <= DIGITS_MAX && text[digits] == '\0' && (digits == 1 || text[0] != '0'))
		value = strtol(text, NULL, 10);
	if (value < range->min || value > range->max) {
		cfg_error(cfg, "%s must be from %ld to %ld, in decimal digits", name, range->min, range->max);
		return -1;
	}
	*(long *)ret_number = value;
	return 0;
}

static void make_options(const struct range *ranges, size_t n, cfg_opt_t *ret_options)
{
	for (size_t i = 0; i < n; i++)
		ret_options[i] = (cfg_opt_t)CFG_INT_CB(ranges[i].name, ranges[i].standard, CFGF_NONE, read_number);
}

static void take_values(cfg_t *cfg, const struct range *ranges, size_t n, void *target)
{
	for (size_t i = 0; i < n; i++) {
		const uint32_t value = (uint32_t)cfg_getint(cfg, ranges[i].name);

		memcpy((char *)target + ranges[i].offset, &value, sizeof(value));
	}
}

void ranges_number_options(cfg_opt_t ret_options[RANGES_NUMBERS])
{
	make_options(numbers, RANGES_NUMBERS, ret_options);
}

void ranges_limit_options(cfg_opt_t ret_options[RANGES_LIMITS])
{
	make_options(limits, RANGES_LIMITS, ret_options);
}

void ranges_read_numbers(cfg_t *cfg, struct config *config)
{
	take_values(cfg, numbers, RANGES_NUMBERS, config);
}

void ranges_read_limits(cfg_t *section, Limits *ret_limits)
{
	cek__internal__v1__limits__init(ret_limits);
	take_values(section, limits, RANGES_LIMITS, ret_limits);
}
