# SPDX-License-Identifier: Apache-2.0
"""A broker that was taken over: a process in its place hands its descriptors to the test, which then speaks for it with
journal and workers, in their own protocol. cekd kills that process as it would kill the broker."""

import array
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

import cekd as C

# Everything that the broker was given goes to the test; then it is there to be killed, or ends when the test says so.
PROGRAM = """#!/usr/bin/python3
import array, socket
control = socket.socket(fileno=3)
setup, ancillary, flags, address = control.recvmsg(1 << 20, 4096)
fds = array.array("i", b"".join(data for level, kind, data in ancillary))
mind = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
mind.connect({mind!r})
mind.sendmsg([setup], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [3, fds[0]]))])
mind.recv(1)
"""


def messages(where):
    """internal.proto, in Python."""
    subprocess.run(["protoc", f"--proto_path={C.SOURCE / 'proto'}", f"--python_out={where}", "cek.proto", "internal.proto"],
                   check=True)
    sys.path.insert(0, str(where))
    import internal_pb2
    sys.path.remove(str(where))
    return internal_pb2


class Taken:
    """Programs among which the broker is such a process, and the mind that speaks for it."""

    def __init__(self):
        self.where = C.folder("cekd-taken-")
        for name in C.PROGRAMS:
            shutil.copy2(C.default_programs() / name, self.where / name)
        mind = self.where / "mind"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(mind))
        mind.chmod(0o777)
        self.listener.listen(8)
        self.listener.settimeout(C.PATIENCE)
        program = pathlib.Path(self.where / "cekd-broker")
        program.unlink()
        program.write_text(PROGRAM.format(mind=str(mind)))
        program.chmod(0o755)
        self.pb = messages(self.where)
        self.control = self.journal = self.process = None
        self.workers = {}
        self.id = 0

    def close(self):
        for end in (self.listener, self.control, self.journal, self.process, *self.workers.values()):
            if end is not None:
                end.close()
        shutil.rmtree(self.where)

    def take(self):
        """The next broker that cekd starts: it is ready, and has asked for the records."""
        self.process, _ = self.listener.accept()
        _, ancillary, _, _ = self.process.recvmsg(1 << 20, 4096)
        fds = array.array("i", b"".join(data for _, _, data in ancillary))
        self.control, self.journal = (socket.socket(fileno=fd) for fd in fds)
        for end in (self.control, self.journal, self.process):
            end.setblocking(True)
            end.settimeout(C.PATIENCE)
        self.workers = {}
        self.control.send(self.pb.Control(ready=self.pb.Ready()).SerializeToString())
        self.control.send(self.pb.Control(state=self.pb.ServiceState(ready=True)).SerializeToString())
        self.id += 1
        self.journal.send(self.pb.ToJournal(replay=self.pb.Replay(id=self.id)).SerializeToString())
        while not (self.hear("replay").end):
            continue

    def stop(self, daemon):
        """cekd is stopped; the broker ends as it should."""
        daemon.process.send_signal(signal.SIGTERM)
        while self.hear_control().WhichOneof("what") != "drain":
            continue
        self.process.close()
        daemon.stop()

    def hear_control(self):
        data, ancillary, _, _ = self.control.recvmsg(1 << 16, 4096)
        self.fds = array.array("i", b"".join(part for _, _, part in ancillary))
        return self.pb.Control.FromString(data)

    def is_killed(self):
        """Wait until cekd has killed the process."""
        return self.process.recv(1) == b""

    def hear(self, *whats):
        """The next message of the journal that is one of these."""
        while True:
            message = self.pb.FromJournal.FromString(self.journal.recv(1 << 20))
            if message.WhichOneof("what") in whats and getattr(message, message.WhichOneof("what")).id == self.id:
                return getattr(message, message.WhichOneof("what"))

    def append(self, *records, **more):
        """The journal's answer; None: cekd has killed the broker for it."""
        self.id += 1
        message = self.pb.AppendKey(id=self.id, record=[self.pb.KeyRecord(**record) for record in records], **more)
        self.journal.send(self.pb.ToJournal(append_key=message).SerializeToString())
        while True:
            try:
                self.journal.settimeout(0.05)
                return self.hear("appended")
            except TimeoutError:
                self.process.settimeout(0.05)
                try:
                    if self.is_killed():
                        return None
                except TimeoutError:
                    continue
            finally:
                self.journal.settimeout(C.PATIENCE)

    def worker(self, manage):
        """The pair with a worker, after its hello."""
        while manage not in self.workers:
            message = self.hear_control()
            if message.WhichOneof("what") == "worker_up":
                pair = socket.socket(fileno=self.fds[0])
                pair.setblocking(True)
                pair.settimeout(C.PATIENCE)
                assert self.pb.FromWorker.FromString(pair.recv(1 << 20)).WhichOneof("what") == "hello"
                self.workers[message.worker_up.manage] = pair
        return self.workers[manage]

    def ask(self, manage, **job):
        """The worker's result."""
        if manage and True not in self.workers:
            self.control.send(self.pb.Control(want_worker=self.pb.WantWorker(manage=True)).SerializeToString())
        self.id += 1
        pair = self.worker(manage)
        pair.send(self.pb.ToWorker(job=[self.pb.Job(id=self.id, **job)]).SerializeToString())
        while True:
            message = self.pb.FromWorker.FromString(pair.recv(1 << 20))
            results = list(message.results.result) + ([message.result] if message.HasField("result") else [])
            if results:
                return results[-1]
