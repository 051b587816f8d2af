/*
 * The parts of the probe that need a key pair.
 */
#pragma once

struct worker;

/* Fill worker->probe.oaep and raw_rsa. */
void probe_rsa(struct worker *worker);

/* Fill worker->probe.curve. X25519 is generated in three ways (PKCS#11 3.0, SoftHSM, NSS). */
void probe_curves(struct worker *worker);
