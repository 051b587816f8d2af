#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: fence.py [--root DIR] [--write DIR]... [--group GID]... UNIT COMMAND [ARGUMENT]...

Takes away from COMMAND what the unit UNIT of systemd would take away, as far as that can be done without systemd, and
becomes it (as root): capabilities, groups, the network, devices, other processes, writing anywhere but below DIRs, system
calls, address families, memory that is written and executed, limits. --root: COMMAND runs in that root folder. --group
stands for SupplementaryGroups=, whose names need not be here. Sockets: with LISTEN_FDS set, LISTEN_PID is set as well.
"""

import argparse
import ctypes
import os
import pathlib
import re
import resource
import subprocess
import sys

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
NAMESPACES = 0x7E020080  # all CLONE_NEW… flags
MS_BIND, MS_REC, MS_PRIVATE, MS_RDONLY, MS_NOSUID, MS_NOEXEC = 4096, 16384, 1 << 18, 1, 2, 8
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, ATTR_RDONLY = 442, -100, 0x8000, 1
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EPERM, EAFNOSUPPORT = 1, 97
NE, MASKED_EQ = 1, 7
PROT_WRITE, PROT_EXEC = 2, 4
CAPS = ("chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service "
        "net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin "
        "sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override "
        "mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore").split()
# What this emulation knows nothing of is named, so that a new line of a unit is thought about.
KNOWN_ELSEWHERE = {"Type", "NotifyAccess", "ExecStart", "ExecStartPre", "ExecStartPost", "ExecReload", "KillMode",
                   "TimeoutStopSec", "TimeoutStartSec", "WatchdogSec", "Restart", "RestartSec", "StateDirectory",
                   "StateDirectoryMode", "RuntimeDirectory", "RuntimeDirectoryMode", "RuntimeDirectoryPreserve",
                   "ReadWritePaths", "SupplementaryGroups", "ProtectHome", "PrivateTmp", "DevicePolicy",
                   "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups",
                   "ProtectClock", "ProtectHostname", "IPAddressDeny", "LockPersonality", "RestrictRealtime",
                   "RestrictSUIDSGID", "RemoveIPC", "KeyringMode", "SystemCallArchitectures", "SystemCallErrorNumber"}

libc = ctypes.CDLL(None, use_errno=True)


class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def service(path):
    """name → values of [Service], in order."""
    found, section = {}, ""
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith("["):
            section = line.strip()
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def must(result, what):
    if result != 0:
        sys.exit(f"fence.py: {what}: {os.strerror(ctypes.get_errno())}")


def mount(source, target, kind, flags, data=None):
    must(libc.mount(str(source).encode(), str(target).encode(), kind, flags, data), f"mount {target}")


def read_only(path, on, recursive):
    attr = (ctypes.c_uint64 * 4)(ATTR_RDONLY if on else 0, 0 if on else ATTR_RDONLY, 0, 0)
    must(libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, str(path).encode(), AT_RECURSIVE if recursive else 0, attr,
                      ctypes.c_size_t(32)), f"mount_setattr {path}")


def private_devices(root):
    dev = root / "dev"
    nodes = {name: os.stat(f"/dev/{name}").st_rdev for name in ("null", "zero", "full", "random", "urandom", "tty")}
    mount("tmpfs", dev, b"tmpfs", MS_NOSUID, b"mode=0755")
    for name, number in nodes.items():
        os.mknod(dev / name, 0o020666, number)
        (dev / name).chmod(0o666)


def view(unit, root, writable):
    """The file system."""
    must(libc.unshare(CLONE_NEWNS), "unshare")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    if unit["PrivateDevices"] == ["yes"]:
        private_devices(root)
    mount("proc", root / "proc", b"proc", MS_NOSUID | MS_NOEXEC, b"hidepid=invisible,subset=pid"
          if (unit["ProtectProc"], unit["ProcSubset"]) == (["invisible"], ["pid"]) else None)
    for path in writable:
        mount(root / path.lstrip("/"), root / path.lstrip("/"), None, MS_BIND)
    if unit["ProtectSystem"] == ["strict"]:
        read_only(root if root != pathlib.Path("/") else "/", True, True)
        for path in writable:
            read_only(root / path.lstrip("/"), False, False)


def expand(word):
    """A name, or all of a set of systemd's."""
    if not word.startswith("@"):
        return {word}
    # That of Debian 13 tells a service manager how it ended, and waits until that has room.
    env = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    text = subprocess.run(["systemd-analyze", "syscall-filter", word], check=True, capture_output=True, text=True, env=env).stdout
    words = [line.strip() for line in text.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return set().union(*(expand(one) for one in words))


def system_calls(lines):
    allowed = set()
    for line in lines:
        for word in line.lstrip("~").split():
            allowed = allowed - expand(word) if line.startswith("~") else allowed | expand(word)
    return allowed


def load_filters(unit, allowed):
    """Two, as system calls go through all of them: the list, then what is forbidden by arguments."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p

    def rule(filter, action, name, *compares):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            array = (Compare * max(1, len(compares)))(*compares)
            assert seccomp.seccomp_rule_add_array(ctypes.c_void_p(filter), action, number, len(compares), array) == 0, name

    first, second = seccomp.seccomp_init(ALLOW), seccomp.seccomp_init(ERRNO | EPERM)
    if "RestrictAddressFamilies" in unit:
        assert unit["RestrictAddressFamilies"] == ["AF_UNIX"]
        rule(first, ERRNO | EAFNOSUPPORT, "socket", Compare(0, NE, 1, 0))
    if unit.get("MemoryDenyWriteExecute") == ["yes"]:
        rule(first, ERRNO | EPERM, "mmap", Compare(2, MASKED_EQ, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC))
        rule(first, ERRNO | EPERM, "mprotect", Compare(2, MASKED_EQ, PROT_EXEC, PROT_EXEC))
        rule(first, ERRNO | EPERM, "pkey_mprotect", Compare(2, MASKED_EQ, PROT_EXEC, PROT_EXEC))
    if unit.get("RestrictNamespaces") == ["yes"]:
        rule(first, ERRNO | EPERM, "setns")
        for bit in (1 << n for n in range(32) if NAMESPACES >> n & 1):
            rule(first, ERRNO | EPERM, "unshare", Compare(0, MASKED_EQ, bit, bit))
            rule(first, ERRNO | EPERM, "clone", Compare(0, MASKED_EQ, bit, bit))
    # execve is needed once more in any case; "seccomp" only to load the second.
    for name in sorted(allowed):
        rule(second, ALLOW, name)
    for filter in (first, second):
        assert seccomp.seccomp_load(ctypes.c_void_p(filter)) == 0


def capabilities(unit):
    kept = {word.removeprefix("CAP_").lower() for word in unit["CapabilityBoundingSet"][0].split()}
    assert kept <= set(CAPS), kept
    for number, name in enumerate(CAPS):
        if name not in kept:
            libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)  # one that this kernel does not know is not there


def limits(unit):
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    for name, values in unit.items():
        if re.fullmatch("Limit[A-Z]+", name):
            value = values[-1]
            number = int(value.rstrip("KMG")) * units.get(value[-1], 1)
            kind = getattr(resource, "RLIMIT_" + name.removeprefix("Limit"))
            hard = resource.getrlimit(kind)[1]
            resource.setrlimit(kind, (number, number) if hard == resource.RLIM_INFINITY or number <= hard else (hard, hard))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path("/"))
    parser.add_argument("--write", action="append", default=[])
    parser.add_argument("--group", action="append", default=[], type=int)
    parser.add_argument("unit")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    unit = service(options.unit)
    unknown = {name for name in unit if name not in KNOWN_ELSEWHERE and not name.startswith("Limit")} - {
        "CapabilityBoundingSet", "NoNewPrivileges", "ProtectSystem", "PrivateDevices", "ProtectProc", "ProcSubset",
        "PrivateNetwork", "RestrictAddressFamilies", "MemoryDenyWriteExecute", "RestrictNamespaces", "SystemCallFilter",
        "UMask", "Environment"}
    assert not unknown, f"{options.unit}: what to do about {unknown}?"
    allowed = system_calls(unit["SystemCallFilter"])
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
    os.environ.update(variable.replace("%b", boot).split("=", 1) for variable in unit.get("Environment", []))

    if unit["PrivateNetwork"] == ["yes"]:
        must(libc.unshare(CLONE_NEWNET), "unshare")
    view(unit, options.root, options.write)
    if options.root != pathlib.Path("/"):
        os.chroot(options.root)
        os.chdir("/")
    limits(unit)
    os.umask(int(unit["UMask"][0], 8))
    os.setgroups(options.group)
    if "LISTEN_FDS" in os.environ:
        os.environ["LISTEN_PID"] = str(os.getpid())
    capabilities(unit)
    must(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    load_filters(unit, allowed)
    os.execvp(options.command[0], options.command)


if __name__ == "__main__":
    main()
