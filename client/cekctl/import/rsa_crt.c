/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/import/rsa_crt.h"

#include <errno.h>
#include <stdbool.h>

#include "proto/alg.h"

enum {
	EXPONENT_BITS_MAX = 64, /* as of all keys that are imported */
	ROOT_STEPS = 16,        /* each doubles the bits that are right: 12 would do for the root of 4096 bits */
};

static BIGNUM *take(BN_CTX *ctx)
{
	BIGNUM *number = BN_CTX_get(ctx);

	if (number)
		BN_set_flags(number, BN_FLG_CONSTTIME);
	return number;
}

/* The root of a square, by Newton from above; of anything else it is some number. */
static bool square_root(BIGNUM *root, const BIGNUM *square, BN_CTX *ctx)
{
	BIGNUM *quotient = take(ctx);
	bool good;

	BN_zero(root);
	good = quotient && BN_set_bit(root, (BN_num_bits(square) + 1) / 2);
	for (int i = 0; good && i < ROOT_STEPS; i++)
		good = BN_div(quotient, NULL, square, root, ctx) && BN_add(root, root, quotient) &&
			BN_rshift1(root, root);
	return good;
}

/* p + q, by steps 1 to 3: with a = (d e - 1) gcd(n - 1, d e - 1), a multiple of (p - 1)(q - 1), and a = m n + r it is
 * (n - r) / (m + 1) + 1. Returns 1, 0 if that is no integer, or -1 without memory. */
static int sum_of_primes(const BIGNUM *n, const BIGNUM *e, const BIGNUM *d, BIGNUM *sum, BN_CTX *ctx)
{
	BIGNUM *a = take(ctx), *gcd = take(ctx), *m = take(ctx), *r = take(ctx);

	if (!r || !BN_mul(a, d, e, ctx) || !BN_sub_word(a, 1) || !BN_copy(m, n) || !BN_sub_word(m, 1) ||
		!BN_gcd(gcd, m, a, ctx) || !BN_mul(a, a, gcd, ctx) || !BN_div(m, r, a, n, ctx) || !BN_sub(a, n, r) ||
		!BN_add_word(m, 1) || !BN_div(sum, r, a, m, ctx) || !BN_add_word(sum, 1))
		return -1;
	return BN_is_zero(r);
}

/* Steps 4 and 5: p and q are (sum ± root) / 2, with the root of sum² - 4 n, which is p - q. */
static int primes(const BIGNUM *n, const BIGNUM *sum, BIGNUM *p, BIGNUM *q, BN_CTX *ctx)
{
	BIGNUM *square = take(ctx), *root = take(ctx), *four_n = take(ctx);

	if (!four_n || !BN_sqr(square, sum, ctx) || !BN_lshift(four_n, n, 2))
		return -1;
	if (BN_cmp(square, four_n) <= 0)
		return 0;
	if (!BN_sub(square, square, four_n) || !square_root(root, square, ctx) || !BN_add(p, sum, root) ||
		!BN_rshift1(p, p) || !BN_sub(q, sum, root) || !BN_rshift1(q, q) || !BN_mul(root, p, q, ctx))
		return -1;
	return BN_cmp(root, n) == 0 && !BN_is_negative(q) && !BN_is_zero(q) && !BN_is_one(q);
}

static bool others(const BIGNUM *d, struct rsa_crt *crt, BN_CTX *ctx)
{
	BIGNUM *less = take(ctx);

	return less && BN_sub(less, crt->p, BN_value_one()) && BN_mod(crt->dp, d, less, ctx) &&
		BN_sub(less, crt->q, BN_value_one()) && BN_mod(crt->dq, d, less, ctx) &&
		BN_mod_inverse(crt->qi, crt->q, crt->p, ctx);
}

/* What the steps take for granted. An even e has no inverse, and 1 is its own: then d e - 1 is nothing. */
static bool are_fit(const BIGNUM *n, const BIGNUM *e, const BIGNUM *d)
{
	return BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e) && BN_num_bits(e) <= EXPONENT_BITS_MAX &&
		BN_num_bits(n) <= RSA_BITS_MAX && !BN_is_zero(d) && BN_cmp(d, n) < 0;
}

static BIGNUM *new_number(void)
{
	BIGNUM *number = BN_secure_new();

	if (number)
		BN_set_flags(number, BN_FLG_CONSTTIME);
	return number;
}

int rsa_crt_find(const BIGNUM *n, const BIGNUM *e, const BIGNUM *d, struct rsa_crt *ret_crt)
{
	BN_CTX *ctx = BN_CTX_secure_new();
	struct rsa_crt crt = {new_number(), new_number(), new_number(), new_number(), new_number()};
	BIGNUM *sum;
	int r = -1;

	if (ctx && crt.p && crt.q && crt.dp && crt.dq && crt.qi) {
		BN_CTX_start(ctx);
		sum = take(ctx);
		r = !sum ? -1 : are_fit(n, e, d) ? sum_of_primes(n, e, d, sum, ctx) : 0;
		if (r > 0)
			r = primes(n, sum, crt.p, crt.q, ctx);
		if (r > 0)
			r = others(d, &crt, ctx);
		BN_CTX_end(ctx);
	}
	BN_CTX_free(ctx);
	if (r > 0)
		*ret_crt = crt;
	else
		rsa_crt_deinit(&crt);
	return r > 0 ? 0 : r == 0 ? -EINVAL : -ENOMEM;
}

void rsa_crt_deinit(struct rsa_crt *crt)
{
	BN_clear_free(crt->p);
	BN_clear_free(crt->q);
	BN_clear_free(crt->dp);
	BN_clear_free(crt->dq);
	BN_clear_free(crt->qi);
	*crt = (struct rsa_crt){NULL};
}
