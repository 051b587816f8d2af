/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's end of the journal's pair, as tests play it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/internal.pb-c.h"

void broker_send_batch(int fd, const char *instance, uint64_t first, uint64_t last);

/* One record of this type and key; head as in AppendKey. */
void broker_send_append(int fd, uint64_t id, const char *type, const char *key, const char *head);
void broker_send_replay(int fd, uint64_t id);

/* What waits there, to be given to done; NULL if nothing does. JournalRoom is only counted. */
extern unsigned broker_rooms;
Cek__Internal__V1__FromJournal *broker_receive(int fd);
void broker_done(Cek__Internal__V1__FromJournal *message);

void broker_check_nothing(int fd);
void broker_check_audit_done(int fd, const char *instance, uint64_t written, uint64_t durable);

/* With the sandbox "none". */
void broker_check_state(int fd, bool ok);
