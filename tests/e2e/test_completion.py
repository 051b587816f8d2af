# SPDX-License-Identifier: Apache-2.0
"""cekctl completion: what "completion words" answers, and the scripts in the shells themselves."""

import contextlib
import json
import os
import pty
import re
import shutil
import socket
import subprocess
import termios
import threading

import cekd as C
import pytest

ALIASES = ["urn:example:key=1", "my kid 1", "-dashed-kid"]


@pytest.fixture(scope="module")
def shared(make_cekd_module, tmp_path_factory):
    daemon = make_cekd_module()
    folder = tmp_path_factory.mktemp("keys")
    daemon.cekctl("key", "create", "console-key", "--alg", "ECDH-ES", "--curve", "X25519")
    daemon.cekctl("key", "rotate", "console-key")
    daemon.cekctl("key", "create", "another", "--alg", "A256KW")
    for alias in ALIASES:
        path = folder / "key.jwk"
        path.write_text(json.dumps({"kty": "oct", "k": C.b64(os.urandom(32))}))
        daemon.cekctl("key", "import", "aliases", "--alg", "A256KW", "--jwk", path, "--kid", alias)
    daemon.kids = [version["kid"] for version in daemon.json("key", "show", "console-key")["versions"]]
    return daemon


def words(shared, *typed, **env):
    """What is wanted, and the words that may stand there."""
    done = C.run([C.CEKCTL, "completion", "words", "--", *typed], env=os.environ | {"CEK_SOCKET": str(shared.socket)} | env)
    kind, *lines = done.stdout.split("\n")[:-1]
    assert all("\t" in line for line in lines)
    return kind, [line.split("\t")[0] for line in lines]


@pytest.mark.parametrize("typed,expected", [
    (["stat"], {"status"}), (["key", "sh"], {"show"}), (["key", "crea"], {"create"}), (["--json", "key", "li"], {"list"}),
    (["key", "show", "cons"], {"console-key"}), (["wrap", "--key", ""], {"console-key", "another", "aliases"}),
    (["wrap", "--key=an"], {"--key=another"}), (["key", "suspend", "another/"], {"another/active", "another/1"}),
    (["key", "suspend", "urn:"], {"urn:example:key=1"}), (["key", "suspend", "-"], {"-dashed-kid", "--for", "--until", "--reason"}),
    (["key", "suspend", "--", "-d"], {"-dashed-kid"}),
    (["key", "create", "x", "--alg", "ECDH-ES+A1"], {"ECDH-ES+A128KW", "ECDH-ES+A192KW"}),
    (["key", "create", "x", "--curve", ""], {"P-256", "P-384", "P-521", "X25519"}), (["wrap", "--enc", "A256"], {"A256GCM", "A256CBC-HS512"}),
    (["key", "create", "cons"], set()), (["key", "import", "x", "--kid", ""], set()), (["status", "x"], set()),
    (["policy", "explain", "--operation", ""], set(C.OPERATIONS)), (["policy", "explain", "--operation=re"], {"--operation=rewrap", "--operation=restore"}),
    (["policy", "explain", "--listener", ""], set()), (["key", "create", "x", "--size", ""], {"2048", "3072", "4096"}),
    (["key", "alias", ""], {"add", "remove"}), (["key", "list", "--output", ""], {"name", "table", "json"}),
    (["--color", ""], {"auto", "always", "never"}), (["completion", ""], {"bash", "zsh", "fish", "words"}),
    (["help", "key", "dest"], {"destroy"}), (["frobnicate", ""], set()), (["jwks", "another", "cons"], {"console-key"}),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_words(shared, typed, expected):
    kind, found = words(shared, *typed)
    assert kind == "words"
    assert (set(found) >= expected and len(found) == len(set(found))) if "-" in typed else set(found) == expected, found


def test_kids(shared):
    for kid in shared.kids:
        assert words(shared, "key", "suspend", kid[:6])[1] == [kid]
        assert words(shared, "unwrap", "--kid", kid[:6])[1] == [kid]
    text = shared.cekctl("completion", "words", "--", "key", "suspend", "console-key/").stdout
    assert "console-key/1\tdeactivated\n" in text and "console-key/active\tversion 2 now\n" in text


def test_files(shared):
    assert words(shared, "key", "import", "x", "--jwk", "") == ("files", [])
    assert words(shared, "audit", "verify", "/") == ("files", [])
    assert words(shared, "token", "init", "--softhsm-dir", "/t") == ("dirs", [])


def test_every_option_of_every_verb(shared):
    """As the help has them; and each with two dashes is complete."""
    for line in shared.cekctl("help").stdout.splitlines():
        if re.match(r"  [a-z]", line):
            verb = re.split(r"  +", line.strip())[0]
            helped = re.findall(r"^  (--[a-z-]+)", shared.cekctl("help", *verb.split()).stdout, re.M)
            assert words(shared, *verb.split(), "--")[1] == helped, verb


def test_without_a_daemon(shared, tmp_path):
    """What needs none is there; the rest is left out, at the latest when its time is over."""
    absent = {"CEK_SOCKET": str(tmp_path / "absent")}
    assert words(shared, "key", "show", "", **absent) == ("words", [])
    assert "RSA-OAEP-256" in words(shared, "key", "create", "x", "--alg", "", **absent)[1]
    assert words(shared, "--socket", str(shared.socket), "key", "show", "cons", **absent)[1] == ["console-key"]
    where = C.folder("cekd-deaf-")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(str(where / "socket"))
        deaf.listen()
        assert words(shared, "key", "show", "", CEK_SOCKET=str(where / "socket")) == ("words", [])
    shutil.rmtree(where)


def test_wrong_shell(shared):
    for args in ([], ["tcsh"], ["bash", "zsh"]):
        done = shared.cekctl("completion", *args, check=False)
        assert done.returncode == 2 and done.stdout == ""


class Shell:
    """An interactive shell on a pseudo terminal, into which one types."""

    def __init__(self, shared, command, start, cwd):
        self.ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (50, 250))
        self.data, self.number = b"", 0
        env = {"CEK_SOCKET": str(shared.socket), "PATH": f"{C.CEKCTL.parent}:/usr/bin:/bin", "TERM": "xterm", "HOME": str(cwd),
               "LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")}
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=cwd, start_new_session=True)
        os.close(theirs)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.type(start)

    def _read(self):
        with contextlib.suppress(OSError):
            while data := os.read(self.ours, 4096):
                self.data += data

    def type(self, text):
        """Type a line and wait until it has run; what was shown meanwhile."""
        before, self.number = len(self.data), self.number + 1
        mark = f"done-with-{self.number}"
        os.write(self.ours, f"{text}\n".encode())
        os.write(self.ours, f"echo done-with'-'{self.number}\n".encode())
        C.wait_for(lambda: mark.encode() in self.data[before:] or self.process.poll() is not None, f"{text!r}\n{self.data.decode()}")
        return self.data[before:].decode(errors="replace")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(C.PATIENCE)
        os.close(self.ours)


SHELLS = {"bash": (["bash", "--norc", "--noprofile", "-i"], "source <(cekctl completion bash)"),
          "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -D -u; source <(cekctl completion zsh)")}


@pytest.fixture(params=SHELLS)
def shell(request, shared, tmp_path):
    command, start = SHELLS[request.param]
    if not shutil.which(command[0]):
        pytest.skip(f"there is no {command[0]}")
    (tmp_path / "some-key.jwk").write_text(json.dumps({"kty": "oct", "k": C.b64(os.urandom(32))}))
    (tmp_path / "other-file").write_text("")
    made = Shell(shared, command, start, tmp_path)
    yield made
    made.close()


def test_a_shell(shared, shell):
    """Lines that are whole only by what the shell adds at each tab; each is run."""
    kid = shared.kids[0]
    assert re.search(r"key: +console-key", shell.type("cekctl key sho\tcons\t"))
    assert re.search(r"key: +console-key", shell.type(f"cekctl key show --ki\t{kid[:6]}\t"))
    assert re.search(r"key: +aliases", shell.type("cekctl key show --kid urn:ex\t"))
    assert re.search(r"key: +aliases", shell.type("cekctl key show --kid my\t"))
    assert re.search(r"key: +aliases", shell.type("cekctl key show --kid -da\t"))
    names = shell.type("cekctl key list --output=na\t")
    assert "console-key" in names and kid not in names
    name = f"made-{os.urandom(4).hex()}"
    assert f"{name}: version" in shell.type(f"cekctl key import {name} --alg A256KW --jwk some\t")
    assert shared.json("key", "show", name)["versions"][0]["provenance"] == "imported"


def test_fish(shared):
    fish = shutil.which("fish")
    if not fish:
        pytest.skip("there is no fish")
    home = C.folder("cekd-fish-")
    env = {"CEK_SOCKET": str(shared.socket), "PATH": f"{C.CEKCTL.parent}:/usr/bin:/bin", "HOME": str(home), "TERM": "xterm",
           "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")}
    (home / "some-key.jwk").write_text("")

    def complete(line):
        script = f'cekctl completion fish | source; complete -C "{line}"'
        return C.run([fish, "-N", "-c", script], env=env, cwd=home).stdout.splitlines()
    try:
        assert complete("cekctl key sho") == ["show\tshow a key: versions, times, and who still uses which version"]
        assert complete("cekctl key show cons") == ["console-key\tECDH-ES"]
        assert complete(f"cekctl key suspend {shared.kids[0][:6]}") == [f"{shared.kids[0]}\tconsole-key/1, deactivated"]
        assert [line.split("\t")[0] for line in complete("cekctl --color=al")] == ["--color=always"]
        assert complete("cekctl key import x --jwk some") == ["some-key.jwk"]
        assert len(complete("cekctl ")) > 10
    finally:
        shutil.rmtree(home)


def test_scripts_are_well_formed(shared, tmp_path):
    for shell, check in (("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "-n"])):
        path = tmp_path / shell
        path.write_text(shared.cekctl("completion", shell).stdout)
        assert "cekctl" in path.read_text()
        if shutil.which(check[0]):
            C.run([*check, path])
