# SPDX-License-Identifier: Apache-2.0
"""A gateway on libcek-jose that opens each token at once, and another that opens it again later."""

import heapq
import itertools
import subprocess
import threading
import time

import cekd as C

PROGRAM = C.BUILD / "tests" / "e2e" / "jwe-gateway"
PROCESSES = 4  # one waits for cekd while another is answered: tokens do not queue up on a busy machine


class Gateway:
    """Calls opened(token, before, after, answer) for each token, once it is due. The answer begins with "OK" or a code."""

    def __init__(self, daemon, key, opened):
        self.opened = opened
        self.due, self.order, self.changed, self.ended = [], itertools.count(), threading.Condition(), False
        self.processes = [subprocess.Popen([str(PROGRAM), key], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                           env=daemon.cekctl_env()) for _ in range(PROCESSES)]
        self.threads = [threading.Thread(target=self._run, args=(process,), daemon=True) for process in self.processes]
        for thread in self.threads:
            thread.start()

    def put(self, when, token):
        with self.changed:
            heapq.heappush(self.due, (when, next(self.order), token))
            self.changed.notify_all()

    def _next(self):
        with self.changed:
            while True:
                wait = self.due[0][0] - time.time() if self.due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self.due)[2]
                if self.ended and not self.due:
                    return None
                self.changed.wait(wait)

    def _run(self, process):
        while (token := self._next()) is not None:
            before = time.time()
            process.stdin.write(token.text + "\n")
            process.stdin.flush()
            answer = process.stdout.readline().rstrip("\n")
            self.opened(token, before, time.time(), answer)

    def finish(self):
        """Open what is left, each when it is due, and end."""
        with self.changed:
            self.ended = True
            self.changed.notify_all()
        for thread in self.threads:
            thread.join()
        for process in self.processes:
            process.stdin.close()
            process.wait(C.PATIENCE)
            process.stdout.close()

    def kill(self):
        for process in self.processes:
            process.kill()
            process.wait()
