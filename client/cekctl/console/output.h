/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cekctl prints: JSON for programs, aligned text for people. Text that came from elsewhere (kids, messages) is
 * written by
 * escape.h, so that a name can neither steer a terminal nor look like another one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "client/cekctl/console/ctl.h"

enum {
	OUTPUT_TIME = 32,     /* bytes of a time as text */
	OUTPUT_DURATION = 24, /* bytes of a duration as text */
	OUTPUT_HEX = 129,     /* 64 bytes in hex */
};

/* What a run answers with --json: the members of value behind "version" (cekctl-json(5)), which are printed when the
 * run ends. Releases value; NULL (jansson ran out of memory) is a failure. Returns an exit status. */
int output_json(const struct ctl *ctl, json_t *value);

/* The same printed now, on one line, for formats of one object a line; as it is without --json. */
int output_json_line(const struct ctl *ctl, json_t *value);

/* What is printed is an object a line, an error from the beginning on as well. */
void output_lines(const struct ctl *ctl);

/* What is printed is a form of its own: an error of this run is told on standard error only. */
void output_own(const struct ctl *ctl);

/* Members of an object; an empty text and a time that is 0 are left out. */
void output_set_text(json_t *object, const char *name, const char *text);
void output_set_time(json_t *object, const char *name, uint64_t time);

/* escape_string(). */
json_t *output_string(const char *text);

/* base64url without padding. */
json_t *output_bytes(const ProtobufCBinaryData *bytes);

/* Lower-case hex, as PKCS#11 tools and key adopt write a CKA_ID; what does not fit is cut off. Returns text. */
const char *output_hex(const ProtobufCBinaryData *bytes, char text[OUTPUT_HEX]);

/* RFC 3339 in UTC with microseconds, or null for 0. */
json_t *output_json_time(uint64_t time);

/* In the local zone: "2026-01-31 13:00:00+01:00", "2026-01-31 12:00:00Z" where that is UTC, "-" for 0. Returns text. */
const char *output_time(uint64_t time, char text[OUTPUT_TIME]);

/* A sentence of cekd with the times that stand in it in UTC (2026-01-31T12:00:00Z) as output_time() has them; what does
 * not fit is cut off. Returns text. */
const char *output_local(const char *sentence, char *text, size_t size);

/* "7d", "1h30m", "0s". Returns text. */
const char *output_duration(uint32_t seconds, char text[OUTPUT_DURATION]);

/* Print text as escape_put() does. */
void output_text(const char *text);

/* The same with the first len bytes, which end where a character does. */
void output_span(const char *text, size_t len);

/* Lines that programs read, each as output_text() prints it. */
void output_document(const char *text);

/* Text that begins in column margin: on a terminal it goes on there in the lines below. No newline at its end. */
void output_wrapped(const char *text, size_t margin);

/* "label:   text" with the label in a column of its own; nothing if text is empty. On a terminal text goes on in that
 * column. */
void output_field(const char *label, const char *text);
