/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each line of the law: what an honest broker asks for is taken, and what differs from that in one point is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/journal/law/law.h"
#include "daemon/shared/moves.h"
#include "daemon/shared/receipt.h"
#include "daemon/shared/testhook.h"

typedef Cek__Internal__V1__KeyRecord KeyRecord;
typedef Cek__Internal__V1__Receipt Receipt;

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

enum { WAIT_MIN = 3600 };

static const uint8_t key[RECEIPT_KEY_LEN] = {42};
static struct law *law;
static struct chain_head head;
static char why[LAW_WHY_MAX];
#ifdef CEK_TEST_HOOKS
static struct testhook_page *page;
#endif

static int setup(void **state)
{
	(void)state;
	head = chain_start();
	return law_new("boot", WAIT_MIN, key, &law);
}

static int teardown(void **state)
{
	(void)state;
	law = law_free(law);
	return 0;
}

/* An identity of three octets, made of the kid's first. */
static ProtobufCBinaryData id_of(const char *kid)
{
	static uint8_t ids[256][3];
	uint8_t *id = ids[(unsigned char)kid[0]];

	memset(id, kid[0], 3);
	return (ProtobufCBinaryData){.data = id, .len = 3};
}

static KeyRecord of(const char *type, const char *name, const char *kid)
{
	KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT;

	record.type = (char *)type;
	record.key = (char *)name;
	record.kid = (char *)kid;
	record.alg = (char *)"A256KW";
	return record;
}

static KeyRecord intent(const char *op, const char *name, const char *kid)
{
	KeyRecord record = of("intent", name, strcmp(op, "destroy") == 0 ? kid : "");

	record.op = (char *)op;
	record.cka_id = id_of(kid);
	return record;
}

static KeyRecord version(const char *name, const char *kid, enum state state)
{
	KeyRecord record = of("version", name, kid);

	record.cka_id = id_of(kid);
	record.state = (Cek__V1__State)state;
	record.provenance = CEK__V1__PROVENANCE__PROVENANCE_GENERATED;
	return record;
}

static KeyRecord moved(const char *name, const char *kid, enum state state)
{
	KeyRecord record = of("state", name, kid);

	record.state = (Cek__V1__State)state;
	if (state == STATE_WAITING)
		record.until_time = clock_real_us() + WAIT_MIN * (uint64_t)SECOND;
	return record;
}

static int judge_all(KeyRecord *const *records, size_t n)
{
	int verdict;

	if (law_spoilt(law))
		fail_msg("nothing can be asked before it is read again");
	why[0] = '\0';
	verdict = law_judge(law, records, n, why);
	if (verdict == LAW_KEPT) {
		head.seq += n;
		law_appended(law, &head);
	}
	return verdict;
}

static int judge(KeyRecord record)
{
	return judge_all(&(KeyRecord *){&record}, 1);
}

#define MUST(record) assert_int_equal(judge(record), LAW_KEPT)

/* Nothing can be asked after it. */
#define BREAKS(record, text)                                 \
	do {                                                 \
		assert_int_equal(judge(record), LAW_BROKEN); \
		assert_non_null(strstr(why, text));          \
		assert_true(law_spoilt(law));                \
	} while (0)

static void create(const char *name, const char *kid)
{
	MUST(intent("create", name, kid));
	MUST(version(name, kid, STATE_ACTIVE));
}

static void rotate(const char *name, const char *kid)
{
	MUST(intent("rotate", name, kid));
	MUST(version(name, kid, STATE_ACTIVE));
}

/* One active, one that waits to be destroyed, and is not yet over. */
static void wait_for_destruction(void)
{
	create("k", "a");
	rotate("k", "b");
	MUST(moved("k", "a", STATE_WAITING));
}

/* ---- what is not there ------------------------------------------------------------------------------------------- */

static void test_unknown_types_keys_and_kids(void **state)
{
	static const struct {
		const char *type, *text;
	} rows[] = {
		{"", "no such type"},
		{"destroyed", "no such type"},
		{"schedule", "no such key"},
		{"state", "no such kid"},
		{"reserve", "no such kid"},
		{"missing", "no such kid"},
		{"found", "no such kid"},
		{"alias", "no such kid"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		KeyRecord record = of(rows[i].type, "k", "a");

		record.state = CEK__V1__STATE__STATE_ACTIVE;
		BREAKS(record, rows[i].text);
		teardown(state);
		setup(state);
	}
}

static void test_usage_of_an_unknown_kid(void **state)
{
	Cek__Internal__V1__KidUsage usage = CEK__INTERNAL__V1__KID_USAGE__INIT, *usages[] = {&usage};
	KeyRecord record = of("usage", "", "");

	(void)state;
	create("k", "a");
	record.usage = usages;
	record.n_usage = 1;
	usage.kid = (char *)"a";
	MUST(record);
	usage.kid = (char *)"b";
	BREAKS(record, "no such kid");
}

/* Also with the right time: what the broker says of it is nobody's business. */
static void test_times_are_the_journals(void **state)
{
	for (int i = 0; i < 4; i++) {
		KeyRecord record = of("rules", "", "");

		MUST(record);
		record.time = i == 0 ? clock_real_us() : 0;
		record.up = i == 1 ? clock_boot_us() : 0;
		record.seq = i == 2;
		if (i == 3)
			record.boot = (char *)"boot";
		BREAKS(record, "the journal's to give");
		teardown(state);
		setup(state);
	}
}

static void test_times_are_given(void **state)
{
	KeyRecord record = of("open", "", ""), *records[] = {&record};
	const uint64_t real = clock_real_us(), up = clock_boot_us();
	uint64_t time, boot_time;

	(void)state;
	assert_int_equal(judge_all(records, 1), LAW_KEPT);
	assert_in_range(record.time, real, clock_real_us());
	assert_in_range(record.up, up, clock_boot_us());
	assert_string_equal(record.boot, "boot");
	law_times(law, &time, &boot_time);
	assert_int_equal(time, record.time);
	assert_int_equal(boot_time, record.up);
}

static void test_another_instance(void **state)
{
	KeyRecord record = of("open", "", "");

	(void)state;
	law_set_identity(law, "1:2");
	record.file = (char *)"1:2";
	MUST(record);
	record.file = (char *)"1:3";
	BREAKS(record, "another instance");
}

/* ---- versions ---------------------------------------------------------------------------------------------------- */

static void test_what_a_new_version_must_be(void **state)
{
	static const char *const texts[] = {"kid was used", "CKA_ID was used", "a key has one alg", "no state",
		"key name", "unknown alg", "an alias", "not begun", "not begun"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *alias[] = {(char *)"a"};
		KeyRecord record;

		create("k", "a");
		MUST(intent("rotate", "k", "b"));
		record = version("k", "b", STATE_PRE_ACTIVE);
		if (i == 0)
			record.kid = (char *)"a";
		else if (i == 1)
			record.cka_id = id_of("a");
		else if (i == 2)
			record.alg = (char *)"A128KW";
		else if (i == 3)
			record.state = CEK__V1__STATE__STATE_COMPROMISED;
		else if (i == 4)
			record.key = (char *)"/";
		else if (i == 5)
			record.alg = (char *)"none";
		else if (i == 6)
			record.alias = alias, record.n_alias = 1;
		else if (i == 7)
			record.provenance = CEK__V1__PROVENANCE__PROVENANCE_IMPORTED;
		else
			record.key = (char *)"other";
		BREAKS(record, texts[i]);
		teardown(state);
		setup(state);
	}
}

static void test_one_intent_makes_one_version(void **state)
{
	(void)state;
	create("k", "a");
	BREAKS(version("k", "b", STATE_ACTIVE), "not begun");
}

/* By label: the token tells the CKA_ID. */
static void test_an_adoption(void **state)
{
	KeyRecord begun = intent("adopt", "k", "a"), adopted = version("k", "a", STATE_ACTIVE);

	(void)state;
	adopted.provenance = CEK__V1__PROVENANCE__PROVENANCE_ADOPTED;
	begun.cka_id.len = 0;
	MUST(begun);
	MUST(adopted);
	adopted.kid = (char *)"b";
	adopted.cka_id = id_of("b");
	BREAKS(adopted, "not begun");
}

static void test_what_an_intent_must_be(void **state)
{
	static const char *const texts[] = {"no such operation", "such a key already", "no such key", "CKA_ID was used",
		"no valid CKA_ID", "one alg", "no valid key name or alg"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		KeyRecord record = intent("rotate", "k", "b");

		create("k", "a");
		if (i == 0)
			record.op = (char *)"erase";
		else if (i == 1)
			record.op = (char *)"create";
		else if (i == 2)
			record.key = (char *)"other";
		else if (i == 3)
			record.cka_id = id_of("a");
		else if (i == 4)
			record.cka_id.len = 0;
		else if (i == 5)
			record.alg = (char *)"A128KW";
		else
			record.alg = (char *)"dir";
		BREAKS(record, texts[i]);
		teardown(state);
		setup(state);
	}
}

static void test_only_what_was_begun_is_abandoned(void **state)
{
	KeyRecord record = intent("create", "k", "a");

	(void)state;
	MUST(record);
	record.type = (char *)"abandoned";
	MUST(record);
	BREAKS(record, "no such change was begun");
}

static void test_aliases(void **state)
{
	static const struct {
		const char *op, *alias, *text;
	} rows[] = {
		{"add", "b", "used before"},
		{"add", "x", "used before"},
		{"remove", "given", "no alias that was added"},
		{"remove", "y", "no alias that was added"},
		{"swap", "y", "not one alias"},
		{"add", "", "not one alias"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *given[] = {(char *)"given"}, *alias[] = {(char *)"x"};
		KeyRecord first = version("k", "a", STATE_ACTIVE), record = of("alias", "k", "a");

		MUST(intent("create", "k", "a"));
		first.alias = given;
		first.n_alias = 1;
		MUST(first);
		rotate("k", "b");
		record.op = (char *)"add";
		record.alias = alias;
		record.n_alias = 1;
		MUST(record);
		record.op = (char *)"remove";
		MUST(record);
		record.op = (char *)"add";
		MUST(record);
		record.op = (char *)rows[i].op;
		alias[0] = (char *)rows[i].alias;
		BREAKS(record, rows[i].text);
		teardown(state);
		setup(state);
	}
}

static void test_wraps_are_never_fewer(void **state)
{
	KeyRecord record = of("reserve", "k", "a");

	(void)state;
	create("k", "a");
	record.reserved = 100;
	MUST(record);
	MUST(record);
	record.reserved = 99;
	BREAKS(record, "fewer wraps");
}

/* ---- states ------------------------------------------------------------------------------------------------------ */

/* The table itself is tested in test_moves.c. */
static void test_moves_that_the_life_cycle_does_not_know(void **state)
{
	static const enum state to[] = {STATE_PRE_ACTIVE, STATE_ACTIVE, STATE_DESTROYED, STATE_DEACTIVATED};

	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		create("k", "a");
		rotate("k", "b"); /* a is deactivated by that */
		assert_int_equal(judge(moved("k", "a", to[i])), LAW_BROKEN);
		assert_non_null(strstr(why, "record 1 of 1 (state): "));
		teardown(state);
		setup(state);
	}
}

/* What became active leaves the other one deactivated, which never becomes active again. */
static void test_one_version_is_active(void **state)
{
	(void)state;
	create("k", "a");
	MUST(intent("rotate", "k", "b"));
	MUST(version("k", "b", STATE_PRE_ACTIVE));
	MUST(moved("k", "b", STATE_ACTIVE));
	assert_int_equal(judge(moved("k", "a", STATE_ACTIVE)), LAW_BROKEN);
}

static void test_a_suspended_one_does_not_become_active_beside_another(void **state)
{
	(void)state;
	create("k", "a");
	MUST(moved("k", "a", STATE_SUSPENDED));
	rotate("k", "b");
	assert_int_equal(judge(moved("k", "a", STATE_ACTIVE)), LAW_BROKEN);
}

static void test_a_state_of_another_key(void **state)
{
	(void)state;
	create("k", "a");
	create("l", "b");
	BREAKS(moved("l", "a", STATE_SUSPENDED), "another key");
}

/* All of them or none. */
static void test_records_of_one_request(void **state)
{
	KeyRecord first, second, *records[] = {&first, &second};

	(void)state;
	create("k", "a");
	first = moved("k", "a", STATE_COMPROMISED);
	second = intent("rotate", "k", "b");
	assert_int_equal(judge_all(records, 2), LAW_KEPT);
	first = moved("k", "a", STATE_WAITING);
	second = moved("k", "a", STATE_ACTIVE);
	assert_int_equal(judge_all(records, 2), LAW_BROKEN);
	assert_non_null(strstr(why, "record 2 of 2 (state)"));
	assert_non_null(strstr(law_says(law), "wanted to append 1 broke the law"));
}

/* ---- destruction ------------------------------------------------------------------------------------------------- */

static void test_the_shortest_waiting_period(void **state)
{
	KeyRecord record;

	create("k", "a");
	rotate("k", "b");
	record = moved("k", "a", STATE_WAITING);
	record.until_time -= (15 * 60 + 1) * (uint64_t)SECOND;
	BREAKS(record, "shorter than the shortest");
	teardown(state);
	setup(state);
	record = of("restored", "", "");
	record.until_time = clock_real_us() + (WAIT_MIN - 15 * 60 - 1) * (uint64_t)SECOND;
	BREAKS(record, "shorter than the shortest");
}

/* One minute is left to slow journals. A record that has waited longer, for one that hung, is refused, but no lie. */
static void test_a_waiting_period_that_was_recorded_late(void **state)
{
	KeyRecord record;

	(void)state;
	create("k", "a");
	rotate("k", "b");
	record = moved("k", "a", STATE_WAITING);
	record.until_time -= 61 * (uint64_t)SECOND;
	assert_int_equal(judge(record), LAW_EARLY);
	assert_non_null(strstr(why, "shorter than the shortest"));
	assert_string_equal(law_says(law), "");
	teardown(state);
	setup(state);
	record = of("restored", "", "");
	record.until_time = clock_real_us() + (WAIT_MIN - 61) * (uint64_t)SECOND;
	assert_int_equal(judge(record), LAW_EARLY);
}

static void test_destruction_before_its_time(void **state)
{
	(void)state;
	wait_for_destruction();
	BREAKS(intent("destroy", "k", "a"), "waiting period is not over");
}

static void test_destruction_of_what_does_not_wait(void **state)
{
	create("k", "a");
	rotate("k", "b");
	BREAKS(intent("destroy", "k", "a"), "does not wait");
	teardown(state);
	setup(state);
	create("k", "a");
	BREAKS(intent("destroy", "k", "b"), "no version with this");
}

static void test_destroyed_without_an_intent(void **state)
{
	(void)state;
	wait_for_destruction();
	BREAKS(moved("k", "a", STATE_DESTROYED), "not begun");
}

#ifdef CEK_TEST_HOOKS
static void test_destruction_in_its_time(void **state)
{
	(void)state;
	wait_for_destruction();
	page->clock_offset_us = HOUR;
	MUST(intent("destroy", "k", "a"));
	MUST(moved("k", "a", STATE_DESTROYED));
	for (enum state to = STATE_PRE_ACTIVE; to < STATE_COUNT; to++) {
		KeyRecord record = moved("k", "a", to);

		assert_int_equal(judge(record), LAW_BROKEN);
		law_forget(law);
		head = chain_start();
		page->clock_offset_us = 0;
		wait_for_destruction();
		page->clock_offset_us = HOUR;
		MUST(intent("destroy", "k", "a"));
		MUST(moved("k", "a", STATE_DESTROYED));
	}
}

static void test_one_that_was_taken_back(void **state)
{
	(void)state;
	wait_for_destruction();
	page->clock_offset_us = HOUR;
	MUST(intent("destroy", "k", "a"));
	MUST(moved("k", "a", STATE_DEACTIVATED));
	MUST(moved("k", "a", STATE_WAITING));
	BREAKS(moved("k", "a", STATE_DESTROYED), "not begun");
}

/* The clock was set: early by the time that the machine was up, then for who must confirm it. No lie of the broker's.
 */
static void test_a_clock_that_was_set(void **state)
{
	KeyRecord open = of("open", "", "");

	(void)state;
	MUST(open);
	wait_for_destruction();
	page->clock_set_us = HOUR;
	assert_int_equal(judge(intent("destroy", "k", "a")), LAW_EARLY);
	assert_non_null(strstr(why, "machine was up"));
	assert_string_equal(law_says(law), "");
	law_forget(law);
	page->clock_set_us = 0;
	MUST(open);
	wait_for_destruction();
	page->clock_set_us = 2 * HOUR;
	page->clock_offset_us = HOUR;
	assert_int_equal(judge(intent("destroy", "k", "a")), LAW_EARLY);
	assert_non_null(strstr(why, "SIGHUP"));
}

/* Between the broker's look at it and the journal's. */
static void test_a_clock_that_was_set_back_meanwhile(void **state)
{
	KeyRecord open = of("open", "", "");

	(void)state;
	MUST(open);
	wait_for_destruction();
	page->clock_offset_us = HOUR;
	page->clock_set_us = -8 * DAY;
	assert_int_equal(judge(intent("destroy", "k", "a")), LAW_EARLY);
	assert_string_equal(law_says(law), "");
}

/* It makes nothing shorter, and nothing begins anew. */
static void test_a_clock_that_was_set_back_and_right_again(void **state)
{
	KeyRecord record = of("open", "", "");

	(void)state;
	MUST(record);
	wait_for_destruction();
	page->clock_offset_us = HOUR / 2;
	page->clock_set_us = -8 * DAY;
	MUST(of("rules", "", ""));
	page->clock_set_us = 0;
	page->clock_offset_us = HOUR;
	law_confirm_clock(law, true);
	MUST(of("clock", "", ""));
	MUST(intent("destroy", "k", "a"));
}

static void test_only_an_operator_confirms_the_clock(void **state)
{
	(void)state;
	law_confirm_clock(law, true);
	MUST(of("clock", "", ""));
	law_confirm_clock(law, false);
	/* No lie: its word may have been given to the journal before this one. */
	assert_int_equal(judge(of("clock", "", "")), LAW_EARLY);
	assert_non_null(strstr(why, "no operator"));
	assert_string_equal(law_says(law), "");
}

/* ---- receipts ---------------------------------------------------------------------------------------------------- */

static void test_a_receipt_is_for_the_intent_that_was_kept_last(void **state)
{
	struct receipt_job job = {.alg = "A256KW", .cka_id_len = 3};
	Receipt receipt = CEK__INTERNAL__V1__RECEIPT__INIT, other = receipt;
	uint8_t mac[RECEIPT_MAC_LEN];

	(void)state;
	MUST(intent("create", "k", "a"));
	assert_true(law_receipt(law, &head, &receipt, mac));
	job.cka_id = id_of("a").data;
	assert_true(receipt_good(key, &receipt, &job));
	assert_string_equal(receipt.op, "create");
	assert_int_equal(receipt.seq, head.seq);
	assert_false(law_receipt(law, &head, &other, mac)); /* once */
	MUST(version("k", "a", STATE_ACTIVE));
	assert_false(law_receipt(law, &head, &other, mac));
}

static void test_a_receipt_anew(void **state)
{
	Receipt receipt = CEK__INTERNAL__V1__RECEIPT__INIT, later = receipt;
	uint8_t mac[RECEIPT_MAC_LEN];
	KeyRecord begun;

	(void)state;
	wait_for_destruction();
	begun = intent("destroy", "k", "a");
	assert_int_equal(law_renew(law, &(KeyRecord *){&begun}, 1, why), LAW_BROKEN); /* not begun */
	page->clock_offset_us = HOUR;
	MUST(begun);
	assert_true(law_receipt(law, &head, &receipt, mac));
	assert_int_equal(law_renew(law, &(KeyRecord *){&begun}, 1, why), LAW_KEPT);
	assert_true(law_receipt(law, &head, &later, mac));
	assert_true(later.up > receipt.up);
	MUST(moved("k", "a", STATE_DEACTIVATED)); /* taken back */
	assert_int_equal(law_renew(law, &(KeyRecord *){&begun}, 1, why), LAW_BROKEN);
	assert_non_null(strstr(why, "no such change was begun"));
	assert_int_equal(law_renew(law, NULL, 0, why), LAW_BROKEN);
	assert_non_null(strstr(law_says(law), "append 3 broke the law"));
	assert_false(law_receipt(law, &head, &later, mac));
}
#endif

/* ---- what stands there already ----------------------------------------------------------------------------------- */

static void put(KeyRecord record, uint64_t time)
{
	record.time = time;
	record.seq = ++head.seq;
	assert_int_equal(law_read(law, &record, &head), 0);
}

/* It is folded as it is, told, and what follows is judged by it. */
static void test_old_records_against_the_law(void **state)
{
	const uint64_t then = clock_real_us() - (uint64_t)(30 * DAY);

	(void)state;
	put(version("k", "a", STATE_ACTIVE), then); /* older releases: no intent is there */
	assert_string_equal(law_says(law), "");
	put(moved("k", "a", STATE_PRE_ACTIVE), then);
	put(of("nonsense", "", ""), then);
	assert_non_null(strstr(law_says(law), "2 records of keys.jsonl break the law"));
	assert_non_null(strstr(law_says(law), "record 2 (state): there is no such move"));
	MUST(moved("k", "a", STATE_ACTIVE));
}

/* A waiting period that began before this journal did. */
static void test_an_old_waiting_period(void **state)
{
	const uint64_t then = clock_real_us() - (uint64_t)HOUR;
	KeyRecord waits = moved("k", "a", STATE_WAITING);

	(void)state;
	put(version("k", "a", STATE_DEACTIVATED), then);
	waits.until_time = then + (uint64_t)(HOUR / 2);
	put(waits, then);
	MUST(intent("destroy", "k", "a"));
}

static void test_what_was_read_is_not_read_again(void **state)
{
	KeyRecord record = version("k", "a", STATE_ACTIVE);

	(void)state;
	put(record, 1);
	assert_int_equal(law_read(law, &record, &head), 0);
	assert_string_equal(law_says(law), "");
}

#ifdef CEK_TEST_HOOKS
static int map_page(void **state)
{
	int fd = memfd_create("page", MFD_CLOEXEC);

	(void)state;
	if (fd < 0 || ftruncate(fd, sizeof(*page)) < 0 || testhook_map(fd) < 0)
		return -1;
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? -1 : 0;
}

static int setup_clocked(void **state)
{
	page->clock_offset_us = page->clock_set_us = 0;
	return setup(state);
}
#else
#define map_page NULL
#define setup_clocked setup
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_clocked, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unknown_types_keys_and_kids),
		TEST(test_usage_of_an_unknown_kid),
		TEST(test_times_are_the_journals),
		TEST(test_times_are_given),
		TEST(test_another_instance),
		TEST(test_what_a_new_version_must_be),
		TEST(test_one_intent_makes_one_version),
		TEST(test_an_adoption),
		TEST(test_what_an_intent_must_be),
		TEST(test_only_what_was_begun_is_abandoned),
		TEST(test_aliases),
		TEST(test_wraps_are_never_fewer),
		TEST(test_moves_that_the_life_cycle_does_not_know),
		TEST(test_one_version_is_active),
		TEST(test_a_suspended_one_does_not_become_active_beside_another),
		TEST(test_a_state_of_another_key),
		TEST(test_records_of_one_request),
		TEST(test_the_shortest_waiting_period),
		TEST(test_a_waiting_period_that_was_recorded_late),
		TEST(test_destruction_before_its_time),
		TEST(test_destruction_of_what_does_not_wait),
		TEST(test_destroyed_without_an_intent),
#ifdef CEK_TEST_HOOKS
		TEST(test_destruction_in_its_time),
		TEST(test_one_that_was_taken_back),
		TEST(test_a_clock_that_was_set),
		TEST(test_a_clock_that_was_set_back_meanwhile),
		TEST(test_a_clock_that_was_set_back_and_right_again),
		TEST(test_only_an_operator_confirms_the_clock),
		TEST(test_a_receipt_is_for_the_intent_that_was_kept_last),
		TEST(test_a_receipt_anew),
#endif
		TEST(test_old_records_against_the_law),
		TEST(test_an_old_waiting_period),
		TEST(test_what_was_read_is_not_read_again),
	};

	return cmocka_run_group_tests(tests, map_page, NULL);
}
