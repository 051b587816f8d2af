# SPDX-License-Identifier: Apache-2.0
"""cekctl and its standard streams: output that cannot be written is exit status 1 with one line, whatever is at the other
end; input of any size and kind is an error of its own, never a crash."""

import itertools
import json
import os
import subprocess

import cekd as C
import pytest
from jwcrypto import jwk


def start(shared, *args, **streams):
    env = os.environ | {"CEK_SOCKET": shared.socket}
    return subprocess.Popen([C.CEKCTL, *map(str, args)], env=env, stderr=subprocess.PIPE, text=True, **streams)


def one_line(process, code=1, text=""):
    _, stderr = process.communicate(timeout=C.PATIENCE)
    assert process.returncode == code, stderr
    assert len(stderr.splitlines()) == 1 and stderr.startswith("cekctl: ") and text in stderr, stderr


@pytest.fixture(scope="module")
def inputs(shared):
    shared.key("ECDH-ES", "P-256")
    key = shared.key("A256KW")
    wrapped = shared.cekctl("wrap", "--key", key, "--enc", "A256GCM", "--generate", "--json").stdout
    token = shared.cekctl("jwe", "encrypt", "--key", key, "--enc", "A256GCM", input="text").stdout
    return {"wrapped": wrapped, "token": token, "many": wrapped * 200, "text": "text", "": ""}


VERBS = {
    "status": ["status"], "status json": ["status", "--json"], "key list": ["key", "list"],
    "key list json": ["key", "list", "--json"], "key show": ["key", "show", "A256KW"], "jwks": ["jwks", "--every-key"],
    "metrics": ["metrics"], "metrics json": ["metrics", "--json"], "fsck": ["fsck"], "watch": ["watch", "--count", "3"],
    "watch json": ["watch", "--count", "3", "--json"], "help": ["--help"], "help of": ["help", "key"],
    "verb help": ["key", "list", "--help"], "version": ["--version"], "completion": ["completion", "bash"],
    "names": ["key", "list", "--output", "name"],
    "dry run": ["key", "create", "new", "--alg", "A256KW", "--dry-run"],
    "dry run json": ["key", "create", "new", "--alg", "A256KW", "--dry-run", "--json"],
    "wrap": ["wrap", "--key", "A256KW", "--enc", "A256GCM", "--generate"],
    "unwrap": ["unwrap", "wrapped"], "unwrap json": ["unwrap", "--json", "wrapped"],
    "rewrap": ["rewrap", "--key", "A256KW", "many"],
    "jwe encrypt": ["jwe", "encrypt", "--key", "A256KW", "--enc", "A256GCM", "text"],
    "jwe decrypt": ["jwe", "decrypt", "token"],
}


def streams_of(inputs, verb, tmp_path):
    args = list(VERBS[verb])
    (tmp_path / "in").write_text(inputs[args.pop()] if args[-1] in inputs else "")
    return args, open(tmp_path / "in")


@pytest.mark.parametrize("verb", VERBS)
def test_full_disk(shared, inputs, tmp_path, verb):
    args, stdin = streams_of(inputs, verb, tmp_path)
    with open("/dev/full", "w") as full, stdin:
        one_line(start(shared, *args, stdin=stdin, stdout=full), text="cannot write to standard output")


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_reads(shared, inputs, tmp_path, verb):
    args, stdin = streams_of(inputs, verb, tmp_path)
    read, write = os.pipe()
    os.close(read)
    with stdin:
        process = start(shared, *args, stdin=stdin, stdout=write)
        os.close(write)
        one_line(process, text="cannot write to standard output")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("closed", [[1], [0, 1]], ids=str)
def test_closed(shared, inputs, tmp_path, verb, closed):
    """The next socket must not become standard output."""
    args, stdin = streams_of(inputs, verb, tmp_path)

    def close():
        for fd in closed:
            os.close(fd)
    with stdin:
        one_line(start(shared, *args, stdin=stdin, stdout=subprocess.PIPE, preexec_fn=close))


def test_all_closed(shared):
    """Nothing can be told but the exit status."""
    for name, code in (("absent", 3), (shared.key("A256KW"), 1)):
        process = subprocess.Popen([C.CEKCTL, "--socket", shared.socket, "key", "show", name],
                                   preexec_fn=lambda: os.closerange(0, 3))
        assert process.wait(C.PATIENCE) == code


def run_scarce(shared, inputs, verb, tmp_path, number):
    """cekctl with its allocation of this number failing; None if it has fewer."""
    args, stdin = streams_of(inputs, verb, tmp_path)
    told = tmp_path / "told"
    told.unlink(missing_ok=True)
    scarce = {"LD_PRELOAD": str(C.BUILD / "tests/e2e/scarce.so"), "CEK_SCARCE": str(number), "CEK_SCARCE_TOLD": str(told)}
    with stdin:
        done = subprocess.run([C.CEKCTL, *args], stdin=stdin, capture_output=True, timeout=C.PATIENCE,
                              env=os.environ | {"CEK_SOCKET": shared.socket} | scarce)
    return done if told.exists() else None


def without_memory(shared, inputs, verb, tmp_path, numbers):
    for number in numbers:
        done = run_scarce(shared, inputs, verb, tmp_path, number)
        if done is None:
            return
        assert done.returncode >= 0, (number, done)  # no signal
        if done.returncode:
            assert done.stderr.startswith(b"cekctl: ") or b'"error"' in done.stdout, (number, done)
        else:
            assert done.stdout, (number, done)
        assert len(done.stderr.splitlines()) <= 1 or verb in ("rewrap", "verb help"), (number, done)


ENDING = [verb for verb in VERBS if not verb.startswith("watch")]  # without anything that happens to keys
# Sanitizers bring a malloc of their own.
needs_malloc = pytest.mark.skipif("asan" in str(C.BUILD), reason="LD_PRELOAD of malloc")


@needs_malloc
@pytest.mark.parametrize("verb", ENDING)
def test_no_memory(shared, inputs, tmp_path, verb):
    without_memory(shared, inputs, verb, tmp_path, (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233))


@needs_malloc
@pytest.mark.slow
@pytest.mark.parametrize("verb", ENDING)
def test_no_memory_at_each_allocation(shared, inputs, tmp_path, verb):
    without_memory(shared, inputs, verb, tmp_path, itertools.count(1))


@pytest.mark.parametrize("args", [["jwe", "decrypt"], ["unwrap", "--key", "A256KW", "--alg", "A256KW", "--enc", "A256GCM"],
                                  ["unwrap", "--key", "ECDH-ES", "--alg", "ECDH-ES", "--enc", "A256GCM"],
                                  ["wrap", "--key", "A256KW", "--enc", "A256GCM"],
                                  ["key", "import", "x", "--alg", "A256KW", "--jwk", "-"]], ids=lambda a: " ".join(a[:3]))
@pytest.mark.parametrize("data", [b"", b"\0", b"\xff\xfe\x80", os.urandom(1000), b"A" * (4 << 20), b"." * 100000,
                                  b"{" * 100000, b"{}", b"[" * 20000, b"\n" * 5000],
                         ids=["empty", "NUL", "not UTF-8", "random", "huge", "dots", "braces", "object", "brackets", "lines"])
def test_input(shared, args, data):
    shared.key("A256KW"), shared.key("ECDH-ES")
    done = subprocess.run([C.CEKCTL, *args], input=data, capture_output=True, timeout=C.PATIENCE,
                          env=os.environ | {"CEK_SOCKET": shared.socket})
    assert done.returncode == 1 and done.stdout == b"", done
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith(b"cekctl: "), done.stderr


def test_rewrap_of_garbage(shared):
    shared.key("A256KW")
    for data, lines in ((b"", 0), (b"\0\n\xff\n{}\n", 3), (b"x" * 100000 + b"\n", 1)):
        done = subprocess.run([C.CEKCTL, "rewrap", "--key", "A256KW"], input=data, capture_output=True, timeout=C.PATIENCE,
                              env=os.environ | {"CEK_SOCKET": shared.socket})
        assert done.returncode == (1 if lines else 0), done
        assert [list(json.loads(line))[-1] for line in done.stdout.splitlines()] == ["error"] * lines
    with open("/dev/zero", "rb") as zero:
        one_line(start(shared, "rewrap", "--key", "A256KW", stdin=zero, stdout=subprocess.PIPE), text="not a file of wrapped")


@pytest.mark.parametrize("verb", [v for v in VERBS if v not in ("help", "verb help", "version", "help of", "completion",
                                                                "rewrap")])
def test_no_daemon(shared, inputs, tmp_path, verb):
    args, stdin = streams_of(inputs, verb, tmp_path)
    socket = tmp_path / "absent"
    with stdin:
        one_line(start(shared, "--socket", socket, *args, stdin=stdin, stdout=subprocess.PIPE), code=5, text=str(socket))


def test_import_from_standard_input(shared):
    key = jwk.JWK.generate(kty="EC", crv="P-256")
    shared.cekctl("key", "import", "from-stdin", "--alg", "ECDH-ES", "--jwk", "-", input=key.export())
    assert shared.json("key", "show", "from-stdin")["active"] == key.thumbprint()
