# SPDX-License-Identifier: Apache-2.0
"""What we tell users to write compiles and runs: the program of README.md and those of client/examples."""

import os
import re
import shutil
import subprocess

import cekd as C
import pytest

JWT = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ0ZXN0In0."


def compile_against_build(source, out):
    """With the headers of the checkout and the libraries of the build, as a user would with pkg-config."""
    client, jose = C.BUILD / "client", C.BUILD / "client" / "jose"
    command = ["cc", "-Wall", "-Wextra", "-Werror", source, "-o", out, f"-I{C.SOURCE / 'client'}",
               f"-I{C.SOURCE / 'client' / 'jose'}", f"-L{client}", f"-L{jose}", "-lcek-jose", "-lcek",
               f"-Wl,-rpath,{client}:{jose}", f"-Wl,-rpath-link,{client}"]
    if C.sanitized():
        command[0] = "clang"
        command.append("-fsanitize=address,undefined")
    subprocess.run([str(a) for a in command], check=True)


@pytest.fixture(scope="module")
def token(shared):
    shared.cekctl("key", "create", "api-tokens", "--alg", "RSA-OAEP-256", "--size", "2048")
    return shared.cekctl("jwe", "encrypt", "--key", "api-tokens", "--enc", "A256GCM", "--cty", "JWT", input=JWT).stdout


def test_program_of_the_readme(shared, token, tmp_path):
    programs = re.findall(r"^```c\n(.*?)^```", (C.SOURCE / "README.md").read_text(), re.M | re.S)
    assert len(programs) == 1
    assert len(programs[0].splitlines()) <= 30
    (tmp_path / "gateway.c").write_text(programs[0])
    compile_against_build(tmp_path / "gateway.c", tmp_path / "gateway")
    done = C.run([tmp_path / "gateway"], input=token, env=os.environ | {"CEK_SOCKET": shared.socket})
    assert done.stdout.strip() == JWT
    flipped = token.strip()[:-1] + ("A" if token.strip()[-1] != "A" else "Q")
    done = C.run([tmp_path / "gateway"], input=flipped, check=False, env=os.environ | {"CEK_SOCKET": shared.socket})
    assert done.returncode != 0 and JWT not in done.stdout


def test_folders_of_the_readme():
    """The map of folders names what is there, and all of it."""
    text = (C.SOURCE / "README.md").read_text()
    named = set(re.findall(r"^\| `([a-z-]+)/`", text, re.M))
    there = {path.name for path in C.SOURCE.iterdir() if path.is_dir()
             and not path.name.startswith(".") and not path.name.startswith("build")}
    assert named == there


def test_commands_of_the_readme():
    text = (C.SOURCE / "README.md").read_text()
    for script in re.findall(r"scripts/[a-z-]+", text):
        assert os.access(C.SOURCE / script, os.X_OK), script


# CHANGELOG.md is history: it may name what has gone since.
PAGES = sorted(str(path.relative_to(C.SOURCE)) for path in (*C.SOURCE.glob("*.md"), *C.SOURCE.glob("docs/*.md"))
               if path.name != "CHANGELOG.md")


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page):
    """Links, paths from the root with or without a "*", and tests."""
    text = (C.SOURCE / page).read_text()
    links = [((C.SOURCE / page).parent / link).resolve() for link in re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", text)]
    tops = "base|proto|daemon|client|docs|man|scripts|tests|softhsm-conf|packaging"
    paths = re.findall(rf"(?<![\w./-])((?:{tops})/[\w./-]*[\w/](?:\*(?:\.\w+)?)?)", text)
    assert links + paths
    assert [link for link in links if not link.exists()] == []
    assert [path for path in paths if "NAME" not in path and not any(C.SOURCE.glob(path.rstrip("/")))] == []
    sources = "".join(path.read_text() for folder in ("tests/e2e", "tests/faults", "tests/gateways", "tests/interop", "tests/unit",
                                                                 "tests/token")
                      for path in (C.SOURCE / folder).rglob("test_*") if path.suffix in (".c", ".py"))
    files = {path.stem for path in (C.SOURCE / "tests").rglob("test_*")}
    named = set(re.findall(r"\btest_\w+", text)) - {"test_hooks"}
    assert [name for name in named if name not in files and f"{name}(" not in sources] == []


SAYS = {
    "unwrap_blocking": "unwrapped a CEK of 32 bytes with ",
    "pipeline": "1000 of 1000 unwrapped",
    "batch": "64 of 64 CEKs made",
    "back_pressure": "1000 answered, 0 failed, held back at times",
    "watch": " is active now",
    "loop_epoll": "200 of 200 CEKs made under epoll",
    "loop_event": "200 of 200 CEKs made under libevent",
    "loop_uv": "200 of 200 CEKs made under libuv",
}


def test_all_examples_are_run():
    assert SAYS.keys() == {path.stem for path in (C.SOURCE / "client" / "examples").glob("*.c")}


@pytest.mark.parametrize("name", SAYS)
def test_example(shared, name):
    """Each program of client/examples, the event loops among them, against a real cekd."""
    program = C.BUILD / "client" / "examples" / name
    if name == "loop_uv" and not program.exists():
        pytest.skip("built without libuv")
    done = C.run([program, shared.key("A256KW")], env=os.environ | {"CEK_SOCKET": str(shared.socket)})
    assert SAYS[name] in done.stdout, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell")
@pytest.mark.parametrize("script", ["quickstart", "test", "with-cekd", "bench", "install", "install-packages", "format", "release", "sbom"])
def test_scripts_parse(script):
    text = (C.SOURCE / "scripts" / script).read_text()
    shell = text.splitlines()[0].removeprefix("#!").split()[-1].split("/")[-1]
    if shell in ("sh", "bash"):
        subprocess.run([shell, "-n", C.SOURCE / "scripts" / script], check=True)
    else:
        compile(text, script, "exec")


def test_each_line_of_the_threat_model_names_a_test():
    lines = (C.SOURCE / "docs" / "threat-model.md").read_text().split("\n## A local user\n", 1)[1].splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.endswith("| shown by |") and not line.startswith("| ---")]
    assert len(rows) > 40
    assert not [row for row in rows if "`tests/" not in row]
    named = re.findall(r"`(tests/[\w./]+)(?:::(\w+))?`", "\n".join(lines))
    for path, test in named:
        assert (C.SOURCE / path).exists(), path
        assert not test or f"{test}(" in (C.SOURCE / path).read_text(), (path, test)
