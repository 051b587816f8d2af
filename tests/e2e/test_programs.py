# SPDX-License-Identifier: Apache-2.0
"""What each program is made of: the division of labour of the design, seen from outside."""

import os
import re
import subprocess

import cekd as C
import pytest

plain = pytest.mark.skipif(C.sanitized(), reason="a sanitizer brings its own libraries, symbols and environment")
unwrapped = pytest.mark.skipif(bool(os.environ.get("CEKD_WRAP")), reason="valgrind brings its own environment, and no sandbox")

# Linked by the broker: libc, protobuf-c, libevent's core, libseccomp. Nothing with keys, modules or databases.
ALLOWED = {
    "cekd-broker": {"libc", "libprotobuf-c", "libevent_core-2.1", "libseccomp"},
    "cekd-journal": {"libc", "libprotobuf-c", "libevent_core-2.1", "libseccomp", "libcrypto", "libjansson"},
    "cekd-token": {"libc", "libprotobuf-c", "libseccomp", "libcrypto", "libp11-kit"},
    "cekd": {"libc", "libprotobuf-c", "libevent_core-2.1", "libseccomp", "libconfuse"},
}
FORBIDDEN = re.compile(r"^(exec[vl]p?e?|fexecve|v?fork|clone3?|posix_spawnp?|system|popen|dlopen|fopen(64)?|creat(64)?|"
                       r"EVP_.*|RSA_.*|C_[A-Z].*|p11_kit.*|sqlite3.*|PQ.*)$")


def output(*args):
    return subprocess.run([str(a) for a in args], check=True, capture_output=True, text=True).stdout


def needed(program):
    return {re.sub(r"\.so.*", "", name) for name in re.findall(r"NEEDED.*\[(.*)\]", output("readelf", "-d", program))}


@plain
@pytest.mark.parametrize("name", ALLOWED)
def test_links_only_what_it_needs(name):
    assert needed(C.BUILD / "daemon" / name) <= ALLOWED[name]


@plain
def test_broker_pulls_nothing_in_behind():
    """Also not through another library."""
    libraries = output("ldd", C.BUILD / "daemon" / "cekd-broker")
    assert not re.search(r"libcrypto|libssl|libp11|p11-kit|softhsm|sqlite|libpq|libsystemd|libnss", libraries), libraries


@plain
def test_broker_imports_nothing_forbidden():
    symbols = [line.split()[-1].split("@")[0] for line in
               output("nm", "-D", "--undefined-only", C.BUILD / "daemon" / "cekd-broker").splitlines()]
    assert len(symbols) > 20
    assert not [symbol for symbol in symbols if FORBIDDEN.match(symbol)]


@plain
@pytest.mark.parametrize("name", C.PROGRAMS)
def test_hardening(name):
    program = C.BUILD / "daemon" / name
    assert "DYN" in output("readelf", "-h", program), "not position independent"
    assert "BIND_NOW" in output("readelf", "-d", program)
    segments = output("readelf", "-lW", program)
    assert "GNU_RELRO" in segments
    assert re.search(r"GNU_STACK .* RW +0x", segments), "executable stack"
    assert "__stack_chk_fail" in output("nm", "-D", program)


@plain
@unwrapped
def test_processes_have_their_own_uids(shared):
    if not C.ROOT:
        pytest.skip("only root can split uids")
    expected = {"cekd-broker": C.UID_BROKER, "cekd-token": C.UID_TOKEN, "cekd-journal": C.UID_JOURNAL}
    shared.key("A128KW")  # the manage worker as well
    assert shared.status().split_uids
    for name, pids in shared.children().items():
        for pid in pids:
            with open(f"/proc/{pid}/status") as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            assert status["Uid"].split() == [str(expected[name])] * 4
            assert status["Gid"].split()[0] != "0"
            assert status["Groups"].split() == []
            assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
            assert status["NoNewPrivs"] == "1"


@plain
def test_sandbox_is_in_force(shared):
    with open(f"/proc/{shared.child('cekd-broker')}/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    if "seccomp" not in shared.status().sandbox.split("but")[0]:
        pytest.skip(f"sandbox: {shared.status().sandbox}")
    assert status["Seccomp"] == "2"


def test_worker_cannot_write_token_object(shared):
    """docs/facts.md: a login that is killed would otherwise leave an empty token.object."""
    if not C.ROOT:
        pytest.skip("only root can split uids")
    objects = list(shared.token.tokens.rglob("token.object"))
    assert len(objects) == 1
    assert objects[0].stat().st_uid != C.UID_TOKEN and objects[0].stat().st_mode & 0o022 == 0


@plain
@unwrapped
def test_children_have_an_empty_environment(shared):
    """But for what workers need: the module's configuration, and a quicker malloc."""
    if not C.ROOT:
        pytest.skip("they are not dumpable: only root reads their environment")
    for name, pids in shared.children().items():
        for pid in pids:
            with open(f"/proc/{pid}/environ") as file:
                names = {entry.split("=")[0] for entry in file.read().split("\0") if entry}
            assert names <= ({"SOFTHSM2_CONF", "GLIBC_TUNABLES"} if name == "cekd-token" else set())


@plain
@unwrapped
@pytest.mark.parametrize("given", [None, "glibc.malloc.tcache_count=5"])
def test_malloc_of_workers(make_cekd, given):
    """The configuration has the last word."""
    if not C.ROOT:
        pytest.skip("they are not dumpable: only root reads their environment")
    daemon = make_cekd()
    if given:
        daemon.stop()
        daemon.config.options["module_environment"].append(f"GLIBC_TUNABLES={given}")
        daemon.start()
    with open(f"/proc/{daemon.workers()[0]}/environ") as file:
        tunables = [entry for entry in file.read().split("\0") if entry.startswith("GLIBC_TUNABLES=")]
    assert tunables == [f"GLIBC_TUNABLES={given or 'glibc.malloc.tcache_count=200'}"]
