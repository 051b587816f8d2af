/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/doctor/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "client/cekctl/console/output.h"

enum {
	OUTCOME_WIDTH = 8,
	NAME_WIDTH = 12,
};

static const char *const outcomes[] = {
	[REPORT_OK] = "ok",
	[REPORT_WARNING] = "warning",
	[REPORT_FAILED] = "failed",
	[REPORT_SKIPPED] = "skipped",
};

__attribute__((format(printf, 4, 0))) static struct report_step *add(struct doctor *doctor, const char *name,
	enum report_outcome outcome, const char *format, va_list args)
{
	struct report_step *step = &doctor->steps[doctor->n_steps];

	if (doctor->n_steps + 1 < REPORT_STEPS_MAX) /* the last place may be taken again: by a failure, too */
		doctor->n_steps++;
	step->name = name;
	step->outcome = outcome;
	vsnprintf(step->text, sizeof(step->text), format, args);
	return step;
}

void report_add(struct doctor *doctor, const char *name, enum report_outcome outcome, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)add(doctor, name, outcome, format, args);
	va_end(args);
}

void report_fail(struct doctor *doctor, const char *name, const char *status, const char *next, const char *format, ...)
{
	const struct report_step *step;
	va_list args;

	va_start(args, format);
	step = add(doctor, name, REPORT_FAILED, format, args);
	va_end(args);
	if (doctor->failed)
		return;
	doctor->failed = step;
	doctor->failed_status = status;
	snprintf(doctor->next, sizeof(doctor->next), "%s", next);
}

static json_t *to_json(const struct doctor *doctor)
{
	json_t *steps = json_array(), *object;

	for (size_t i = 0; i < doctor->n_steps; i++) {
		json_t *step = json_object();

		output_set_text(step, "step", doctor->steps[i].name);
		output_set_text(step, "outcome", outcomes[doctor->steps[i].outcome]);
		output_set_text(step, "text", doctor->steps[i].text);
		json_array_append_new(steps, step);
	}
	object = json_pack("{s:b, s:o}", "well", doctor->failed == NULL, "steps", steps);
	if (object && doctor->failed)
		output_set_text(object, "next", doctor->next);
	return object;
}

static size_t count_skipped(const struct doctor *doctor)
{
	size_t n = 0;

	for (size_t i = 0; i < doctor->n_steps; i++)
		n += doctor->steps[i].outcome == REPORT_SKIPPED;
	return n;
}

static void print_text(const struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->n_steps; i++) {
		const struct report_step *step = &doctor->steps[i];

		printf("%-*s %-*s ", OUTCOME_WIDTH, outcomes[step->outcome], NAME_WIDTH, step->name);
		output_wrapped(step->text, OUTCOME_WIDTH + NAME_WIDTH + 2);
		putchar('\n');
	}
	if (!doctor->failed) {
		const size_t skipped = count_skipped(doctor);

		if (skipped == 0)
			printf("\nAll is well.\n");
		else
			printf("\nNothing that you may see is wrong; %zu step%s skipped.\n", skipped,
				skipped == 1 ? " was" : "s were");
		return;
	}
	printf("\nnext: "); /* not wrapped: a command with a line's end in it cannot be copied */
	output_text(doctor->next);
	putchar('\n');
}

int report_print(const struct doctor *doctor)
{
	const struct ctl *ctl = doctor->ctl;
	int r = EXIT_SUCCESS;

	if (ctl->json)
		r = output_json(ctl, to_json(doctor));
	else
		print_text(doctor);
	if (r != EXIT_SUCCESS || !doctor->failed)
		return r;
	/* What to do stands on standard output already. */
	return ctl_fail_as(ctl, doctor->failed_status, ctl->json ? doctor->next : "", "%s: %s", doctor->failed->name,
		doctor->failed->text);
}
