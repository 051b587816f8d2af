/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/policy/turns.h"

void turns_init(struct turns *turns)
{
	list_init(&turns->light);
	list_init(&turns->heavy);
	turns->age = 1;
}

void turns_place_init(struct turns_place *place)
{
	*place = (struct turns_place){0};
	list_init(&place->link);
}

static void forgive(const struct turns *turns, struct turns_place *place)
{
	if (place->age == turns->age)
		return;
	place->age = turns->age;
	place->credit_us = TURNS_QUANTUM_US;
}

void turns_enter(struct turns *turns, struct turns_place *place)
{
	if (!list_empty(&place->link))
		return;
	forgive(turns, place);
	list_append(place->credit_us > 0 ? &turns->light : &turns->heavy, &place->link);
}

void turns_leave(struct turns_place *place)
{
	list_remove(&place->link);
}

/* Debts are bounded, so that nobody is passed over more often than TURNS_DEBT_US / TURNS_QUANTUM_US times. */
struct turns_place *turns_next(struct turns *turns)
{
	struct link *link;

	if (!list_empty(&turns->light))
		return list_entry(turns->light.next, struct turns_place, link);
	while ((link = turns->heavy.next) != &turns->heavy) {
		struct turns_place *place = list_entry(link, struct turns_place, link);

		if (place->credit_us <= 0)
			place->credit_us += TURNS_QUANTUM_US;
		if (place->credit_us > 0)
			return place;
		list_remove(link);
		list_append(&turns->heavy, link);
	}
	turns->age++;
	return NULL;
}

void turns_charge(struct turns *turns, struct turns_place *place, uint64_t us)
{
	forgive(turns, place);
	place->credit_us -= us < 2 * TURNS_DEBT_US ? (int32_t)us : 2 * TURNS_DEBT_US;
	if (place->credit_us < -TURNS_DEBT_US)
		place->credit_us = -TURNS_DEBT_US;
	if (place->credit_us > 0 || list_empty(&place->link))
		return;
	list_remove(&place->link);
	list_append(&turns->heavy, &place->link);
}

static bool alone(const struct turns *turns, const struct turns_place *place)
{
	const struct link *first = list_empty(&turns->light) ? &turns->heavy : &turns->light;
	const struct link *other = first == &turns->light ? &turns->heavy : &turns->light;

	return list_empty(other) && first->next == &place->link && first->prev == &place->link;
}

uint64_t turns_slice(const struct turns *turns, const struct turns_place *place, uint64_t most_us)
{
	const uint64_t credit_us = place->credit_us > 0 ? (uint64_t)place->credit_us : 0;

	return credit_us > most_us || alone(turns, place) ? most_us : credit_us;
}

bool turns_forgiven(const struct turns *turns, const struct turns_place *place)
{
	return place->age != turns->age || place->credit_us == TURNS_QUANTUM_US;
}
