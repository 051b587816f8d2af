/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/journal/serve/broker_end.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "proto/dgram.h"
#include "tests/unit/journal/journal_records.h"

typedef Cek__Internal__V1__FromJournal FromJournal;
typedef Cek__Internal__V1__ToJournal ToJournal;
typedef Cek__Internal__V1__KeyRecord KeyRecord;

void broker_send_batch(int fd, const char *instance, uint64_t first, uint64_t last)
{
	ToJournal message = CEK__INTERNAL__V1__TO_JOURNAL__INIT;
	struct journal_batch *batch = journal_batch_new(instance, first, last);

	message.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_AUDIT;
	message.audit = journal_batch_message(batch);
	assert_int_equal(dgram_send(fd, &message.base, NULL, 0), 0);
	journal_batch_free(batch);
}

void broker_send_append(int fd, uint64_t id, const char *type, const char *key, const char *head)
{
	ToJournal message = CEK__INTERNAL__V1__TO_JOURNAL__INIT;
	Cek__Internal__V1__AppendKey append = CEK__INTERNAL__V1__APPEND_KEY__INIT;
	KeyRecord record = journal_key_record(type, key), *records[] = {&record};

	append.id = id;
	append.record = records;
	append.n_record = 1;
	append.head = (char *)head;
	message.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_APPEND_KEY;
	message.append_key = &append;
	assert_int_equal(dgram_send(fd, &message.base, NULL, 0), 0);
}

void broker_send_replay(int fd, uint64_t id)
{
	ToJournal message = CEK__INTERNAL__V1__TO_JOURNAL__INIT;
	Cek__Internal__V1__Replay replay = CEK__INTERNAL__V1__REPLAY__INIT;

	replay.id = id;
	message.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_REPLAY;
	message.replay = &replay;
	assert_int_equal(dgram_send(fd, &message.base, NULL, 0), 0);
}

unsigned broker_rooms;

FromJournal *broker_receive(int fd)
{
	static uint8_t buffer[DGRAM_MAX];
	FromJournal *message;
	ssize_t len = dgram_recv(fd, MSG_DONTWAIT, buffer, sizeof(buffer), NULL, 0, NULL);

	if (len == -EAGAIN)
		return NULL;
	assert_true(len > 0);
	message = cek__internal__v1__from_journal__unpack(NULL, (size_t)len, buffer);
	assert_non_null(message);
	if (message->what_case != CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_ROOM)
		return message;
	assert_true(message->room->free > 0); /* comes whenever that has changed, and answers nothing */
	broker_rooms++;
	broker_done(message);
	return broker_receive(fd);
}

void broker_done(FromJournal *message)
{
	cek__internal__v1__from_journal__free_unpacked(message, NULL);
}

void broker_check_nothing(int fd)
{
	assert_null(broker_receive(fd));
}

void broker_check_audit_done(int fd, const char *instance, uint64_t written, uint64_t durable)
{
	FromJournal *message = broker_receive(fd);

	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_AUDIT_DONE);
	assert_string_equal(message->audit_done->instance, instance);
	assert_int_equal(message->audit_done->written, written);
	assert_int_equal(message->audit_done->durable, durable);
	broker_done(message);
}

void broker_check_state(int fd, bool ok)
{
	FromJournal *message = broker_receive(fd);

	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_STATE);
	assert_int_equal(message->state->ok, ok);
	assert_string_equal(message->state->sandbox, "none");
	assert_int_equal(ok, strcmp(message->state->keys, "ok") == 0 && strcmp(message->state->audit, "ok") == 0);
	broker_done(message);
}
