/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/shared/orphan.h"

#include <errno.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"

static pid_t parent;

static void on_told(int signal_number)
{
	(void)signal_number;
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(ORPHAN_SECONDS);
}

int orphan_bound(void)
{
	struct sigaction action = {.sa_handler = on_told, .sa_flags = SA_RESTART};

	(void)sigemptyset(&action.sa_mask);
	return sigaction(ORPHAN_TOLD, &action, NULL) < 0 ? log_origin(-errno) : 0;
}

/* It is the parent that started this process: whose end kills it. */
void orphan_spare(void)
{
	parent = getppid();
	(void)prctl(PR_SET_PDEATHSIG, 0);
}

void orphan_resume(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}
