/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sequence.h"

#include <stdio.h>

void sequence_init(struct sequence *sequence, const struct sequence_table *table, unsigned state)
{
	*sequence = (struct sequence){.table = table, .state = (uint8_t)state};
}

const char *sequence_kind_name(const struct sequence_table *table, unsigned kind)
{
	const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(table->message, kind);

	if (field)
		return field->name;
	return table->others && kind < SEQUENCE_KINDS && table->others[kind] ? table->others[kind]
									     : "a message that nobody knows";
}

static enum sequence_verdict broken(struct sequence *sequence)
{
	sequence->state = 0;
	return SEQUENCE_BROKEN;
}

enum sequence_verdict sequence_take(struct sequence *sequence, unsigned kind, size_t n_fds,
	char ret_how[SEQUENCE_HOW_MAX])
{
	static const struct sequence_rule none;
	const struct sequence_table *table = sequence->table;
	const struct sequence_rule *rule = kind < SEQUENCE_KINDS ? &table->came[sequence->state][kind] : &none;

	if (rule->next == 0) {
		(void)snprintf(ret_how, SEQUENCE_HOW_MAX, "sent \"%s\" %s", sequence_kind_name(table, kind),
			table->states[sequence->state] ? table->states[sequence->state] : "after it broke the rules");
		return broken(sequence);
	}
	if (n_fds != rule->fds) {
		(void)snprintf(ret_how, SEQUENCE_HOW_MAX, "sent \"%s\" with %zu descriptors instead of %u",
			sequence_kind_name(table, kind), n_fds, rule->fds);
		return broken(sequence);
	}
	if (rule->answers > 0 && sequence->open[rule->answers - 1] == 0) {
		(void)snprintf(ret_how, SEQUENCE_HOW_MAX, "sent \"%s\", for which it was not asked",
			sequence_kind_name(table, kind));
		return broken(sequence);
	}
	if (rule->answers > 0)
		sequence->open[rule->answers - 1]--;
	sequence->state = rule->next;
	return rule->stale ? SEQUENCE_STALE : SEQUENCE_FITS;
}

enum sequence_verdict sequence_no_message(struct sequence *sequence, char ret_how[SEQUENCE_HOW_MAX])
{
	return sequence_cannot_be(sequence, "what is no message", ret_how);
}

enum sequence_verdict sequence_cannot_be(struct sequence *sequence, const char *what, char ret_how[SEQUENCE_HOW_MAX])
{
	(void)snprintf(ret_how, SEQUENCE_HOW_MAX, "sent %s", what);
	return broken(sequence);
}

void sequence_sent(struct sequence *sequence, unsigned kind)
{
	const struct sequence_rule *rule = &sequence->table->went[sequence->state][kind % SEQUENCE_KINDS];

	if (rule->next == 0)
		return;
	if (rule->asks > 0 && sequence->open[rule->asks - 1] < SEQUENCE_OPEN_MAX)
		sequence->open[rule->asks - 1]++;
	sequence->state = rule->next;
}

const char *sequence_pair_name(enum sequence_pair pair)
{
	static const char *const names[SEQUENCE_PAIRS] = {
		[SEQUENCE_WORKER_TO_BROKER] = "worker_to_broker",
		[SEQUENCE_BROKER_TO_WORKER] = "broker_to_worker",
		[SEQUENCE_JOURNAL_TO_BROKER] = "journal_to_broker",
		[SEQUENCE_BROKER_TO_JOURNAL] = "broker_to_journal",
		[SEQUENCE_WORKER_TO_CEKD] = "worker_to_cekd",
		[SEQUENCE_BROKER_TO_CEKD] = "broker_to_cekd",
		[SEQUENCE_JOURNAL_TO_CEKD] = "journal_to_cekd",
		[SEQUENCE_CEKD_TO_WORKER] = "cekd_to_worker",
		[SEQUENCE_CEKD_TO_BROKER] = "cekd_to_broker",
		[SEQUENCE_CEKD_TO_JOURNAL] = "cekd_to_journal",
		[SEQUENCE_HEIR_TO_CEKD] = "heir_to_cekd",
	};

	return pair < SEQUENCE_PAIRS ? names[pair] : "";
}
