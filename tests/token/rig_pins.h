/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cekd does of itself between a worker and a test: it opens the PIN file whenever the worker wants to log in.
 */
#pragma once

struct rig_pins;

/* worker is this end of the pair with the worker, which belongs to the thread that is started. Whatever is no question
 * for the PIN passes between it and *ret_control, the test's. */
struct rig_pins *rig_pins_start(int worker, const char *path, int *ret_control);

/* After the worker has ended, and the test has closed its control. */
void rig_pins_stop(struct rig_pins *pins);
