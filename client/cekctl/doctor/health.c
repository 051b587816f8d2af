/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/doctor/health.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/plural.h"
#include "client/cekctl/doctor/algorithms.h"

enum {
	CLOCK_APART_US = 5 * 1000000, /* more than that is no delay */
	US_PER_SECOND = 1000000,
	FREE_LOW = 64 << 20, /* bytes, as cekd --check has it */
};

typedef Cek__V1__StatusReply StatusReply;

static const char unavailable[] = "UNAVAILABLE"; /* what a peer would get */

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* ---- journal ---------------------------------------------------------------------------------------------------- */

/* What their own lines say what to do about. */
static bool journal_failed(struct doctor *doctor, const StatusReply *status)
{
	static const char next[] = "mend what the line above names (the disk, its folder, the file); cekd goes on by "
				   "itself when it can write: "
				   "journalctl -u cekd";
	const bool keys = strcmp(status->journal, "ok") != 0 && strcmp(status->journal, "unknown") != 0;
	const bool audit = strcmp(status->audit, "ok") != 0 && strcmp(status->audit, "unknown") != 0;

	if (keys || audit)
		report_fail(doctor, "journal", unavailable, next, "%s", keys ? status->journal : status->audit);
	return keys || audit;
}

/* That it is not the right one, or may not be, cekd says in these words. */
static bool waits_for_confirmation(const StatusReply *status)
{
	return strstr(status->why_not_ready, "restored journal") ||
		strstr(status->why_not_ready, "keys.jsonl has no keys, but");
}

static void look_at_journal(struct doctor *doctor, const StatusReply *status)
{
	if (journal_failed(doctor, status))
		return;
	if (waits_for_confirmation(status))
		report_fail(doctor, "journal", unavailable, "cekctl restore show", "%s", status->why_not_ready);
	else if (strcmp(status->journal, "unknown") == 0)
		report_fail(doctor, "journal", unavailable, "journalctl -u cekd", "%s", status->why_not_ready);
	else
		report_add(doctor, "journal", REPORT_OK, "keys and requests are written; %u key%s with %u version%s",
			status->keys, plural(status->keys), status->versions, plural(status->versions));
}

/* ---- token and PIN ---------------------------------------------------------------------------------------------- */

static unsigned ready_workers(const StatusReply *status, unsigned *ret_all)
{
	unsigned ready = 0;

	*ret_all = 0;
	for (size_t i = 0; i < status->n_worker; i++) {
		if (strcmp(status->worker[i]->kind, "use") != 0)
			continue;
		++*ret_all;
		ready += strcmp(status->worker[i]->state, "ready") == 0;
	}
	return ready;
}

/* Why no worker is there: in why_not_ready if nothing else keeps cekd from being ready, and among the warnings if no
 * other try would help. */
static const char *worker_trouble(const StatusReply *status)
{
	for (size_t i = 0; i < status->n_warning; i++)
		if (begins(status->warning[i], "PIN"))
			return status->warning[i];
	return status->why_not_ready;
}

/* "PIN: …", also behind the words about an empty journal. */
static bool is_about_pin(const char *why)
{
	return begins(why, "PIN") || strstr(why, ": PIN: ") || strstr(why, "no login after a wrong PIN");
}

static void pin_failed(struct doctor *doctor, const char *why)
{
	const bool locked = strstr(why, "locked") || strstr(why, "LOCKED");

	const bool unread = strstr(why, "cannot be used") != NULL;

	report_fail(doctor, "PIN", unavailable,
		unread ? "write the PIN into that file (mode 0400, root's), or name the right one as pin-file of "
			 "cekd.conf "
			 "(then restart cekd); cekd looks again by itself"
			: locked
			? "have the token's security officer set a new PIN (pkcs11-tool --init-pin), then write it to "
			  "the "
			  "pin-file of cekd.conf"
			: "write the right PIN to the pin-file of cekd.conf: cekd notices it within seconds",
		"%s", why);
}

static void look_at_token(struct doctor *doctor, const StatusReply *status)
{
	unsigned all, ready = ready_workers(status, &all);
	const char *why = worker_trouble(status);

	if (ready > 0) {
		report_add(doctor, "token", ready < all ? REPORT_WARNING : REPORT_OK,
			"label \"%s\", serial %s, %s; %u of %u workers ready", status->token_label,
			status->token_serial, status->token_model, ready, all);
		report_add(doctor, "PIN", REPORT_OK, "a login has worked");
	} else if (doctor->failed) {
		report_add(doctor, "token", REPORT_SKIPPED, "what failed above comes first");
		report_add(doctor, "PIN", REPORT_SKIPPED, "what failed above comes first");
	} else if (is_about_pin(why)) {
		report_add(doctor, "token", REPORT_OK, "it is there, and does not let cekd in");
		pin_failed(doctor, why);
	} else {
		report_fail(doctor, "token", unavailable, "cekd --check, as root: it says what keeps the token away",
			"%s", why[0] ? why : "no worker is ready");
		report_add(doctor, "PIN", REPORT_SKIPPED, "no token to log in to");
	}
}

/* ---- clock, disk, limits ---------------------------------------------------------------------------------------- */

static void look_at_clock(struct doctor *doctor, const StatusReply *status)
{
	const bool behind = status->now + CLOCK_APART_US < doctor->before;
	const bool ahead = status->now > doctor->after + CLOCK_APART_US;
	const uint64_t apart = behind ? doctor->before - status->now : status->now - doctor->after;
	char span[DURATION_MAX];

	if (status->now == 0)
		report_add(doctor, "clock", REPORT_SKIPPED, "this cekd does not tell its time");
	else if (behind || ahead)
		report_fail(doctor, "clock", "INTERNAL",
			"timedatectl: set the clock right, here and where cekd runs, then restart cekd",
			"cekd's clock is %s %s this one: times of tokens are judged differently",
			duration_words(apart / US_PER_SECOND, span), behind ? "behind" : "ahead of");
	else
		report_add(doctor, "clock", REPORT_OK, "cekd has the same time");
}

static void look_at_disk(struct doctor *doctor, const StatusReply *status)
{
	const uint64_t mib = status->state_free >> 20;

	if (status->room_case != CEK__V1__STATUS_REPLY__ROOM_STATE_FREE)
		report_add(doctor, "disk", REPORT_SKIPPED, "this cekd does not tell how much room its journals have");
	else if (status->state_free < FREE_LOW)
		report_fail(doctor, "disk", "INTERNAL",
			"make room in the file system of cekd's state directory (df), move old parts of audit.jsonl "
			"elsewhere",
			"only %" PRIu64 " MiB are left for the journals: without room no CEK is served", mib);
	else
		report_add(doctor, "disk", REPORT_OK, "%" PRIu64 " MiB are left for the journals", mib);
}

static bool is_about_limits(const char *warning)
{
	return strstr(warning, "LimitMEMLOCK") || strstr(warning, "LimitNOFILE");
}

static void look_at_limits(struct doctor *doctor, const StatusReply *status)
{
	size_t n = 0;

	for (size_t i = 0; i < status->n_warning; i++) {
		if (!is_about_limits(status->warning[i]))
			continue;
		report_add(doctor, "limits", REPORT_WARNING, "%s", status->warning[i]);
		n++;
	}
	if (n == 0)
		report_add(doctor, "limits", REPORT_OK, "memory for CEKs is locked, descriptors suffice");
}

/* What is said elsewhere is not said twice. */
static void pass_warnings_on(struct doctor *doctor, const StatusReply *status)
{
	for (size_t i = 0; i < status->n_warning; i++)
		if (!is_about_limits(status->warning[i]) && !begins(status->warning[i], "PIN"))
			report_add(doctor, "cekd warns", REPORT_WARNING, "%s", status->warning[i]);
}

static void look_whether_ready(struct doctor *doctor, const StatusReply *status)
{
	if (status->ready)
		report_add(doctor, "ready", REPORT_OK, "a real unwrap has worked");
	else if (doctor->failed)
		report_add(doctor, "ready", REPORT_SKIPPED, "%s", status->why_not_ready);
	else
		report_fail(doctor, "ready", unavailable, "wait a moment, then: cekctl doctor", "%s",
			status->why_not_ready);
}

/* All that somebody is told who may not see Status. */
static void look_whether_serving(struct doctor *doctor)
{
	const Cek__V1__Serving serving = doctor->explain ? doctor->explain->explain->serving
							 : CEK__V1__SERVING__SERVING_UNSPECIFIED;

	if (serving == CEK__V1__SERVING__SERVING_YES)
		report_add(doctor, "ready", REPORT_OK, "an unwrap has worked");
	else if (serving == CEK__V1__SERVING__SERVING_NO && !doctor->failed)
		report_fail(doctor, "ready", unavailable,
			"tell an administrator, who sees what it is: cekctl doctor, as a user who may do status",
			"cekd does not serve at the moment; why, no rule lets you see");
	else
		report_add(doctor, "ready", REPORT_SKIPPED, "no rule lets you see it");
}

void health_look(struct doctor *doctor)
{
	static const char *const names[] = {"journal", "token", "PIN", "algorithms", "clock", "disk", "limits"};
	const StatusReply *status = doctor->status ? doctor->status->status_reply : NULL;

	for (size_t i = 0; !status && i < sizeof(names) / sizeof(names[0]); i++)
		report_add(doctor, names[i], REPORT_SKIPPED, "no rule lets you see it");
	if (!status) {
		look_whether_serving(doctor);
		return;
	}
	look_at_journal(doctor, status);
	look_at_token(doctor, status);
	algorithms_look(doctor, status);
	look_at_clock(doctor, status);
	look_at_disk(doctor, status);
	look_at_limits(doctor, status);
	look_whether_ready(doctor, status);
	pass_warnings_on(doctor, status);
}
