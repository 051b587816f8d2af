# SPDX-License-Identifier: Apache-2.0
"""tests/house/choose: what scripts/test --changed runs for which change."""

import importlib.machinery
import importlib.util
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]


def _load():
    loader = importlib.machinery.SourceFileLoader("choose", str(HERE / "choose"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("choose", loader))
    loader.exec_module(module)
    return module


C = _load()
TABLE = C.read_table((ROOT / "tests" / "changed").read_text())


def choose(*paths, table=TABLE, root=ROOT):
    """The lines for these paths, without those that are always there."""
    lines, _ = C.choose(paths, table, root)
    assert lines[-2:] == C.ALWAYS or not paths
    return set(lines[:-2])


@pytest.fixture
def checkout(tmp_path):
    """A checkout with two rows and a branch "main"; git(*args) works on it."""
    def git(*args):
        return subprocess.run(["git", "-C", tmp_path, "-c", "user.name=x", "-c", "user.email=x@x", *args], check=True,
                              capture_output=True, text=True).stdout.strip()
    for path, text in {"tests/changed": "# a table\na/*  unit:a e2e:one\nb/* all\nc/* e2e:t*\nnew* none\n", "a/x.c": "", "c/x.c": "",
                       "tests/unit/a/test_x.c": "", "tests/e2e/test_one.py": "", "tests/e2e/test_two.py": "",
                       "tests/faults/test_three.py": "", "tests/house/test_t.py": ""}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "one")
    return tmp_path, git


def run(root, *args):
    done = subprocess.run([HERE / "choose", "--root", root, *args], check=True, capture_output=True, text=True)
    return done.stdout.split("\n")[:-1], done.stderr


def test_nothing_changed(checkout):
    assert run(checkout[0])[0] == []


def test_working_tree(checkout):
    """What is changed, staged, deleted or new counts."""
    root, git = checkout
    (root / "a/x.c").write_text("changed")
    assert run(root)[0] == ["e2e tests/e2e/test_one.py", "unit a", *C.ALWAYS]
    (root / "new.c").write_text("")
    (root / "c/x.c").unlink()
    out, said = run(root)
    assert out == ["e2e tests/e2e/test_one.py", "e2e tests/e2e/test_two.py", "e2e tests/faults/test_three.py", "unit a", *C.ALWAYS]
    assert "a/x.c: unit:a e2e:one (a/*)\n" in said and "c/x.c: e2e:t* (c/*)\n" in said and "new.c: none (new*)\n" in said
    git("mv", "a/x.c", "b")
    assert run(root)[0] == ["all"]


def test_a_branch_counts_from_where_it_left_main(checkout):
    root, git = checkout
    git("switch", "-qc", "work")
    (root / "a/x.c").write_text("changed")
    git("commit", "-qam", "two")
    git("switch", "-q", "main")
    (root / "c/x.c").write_text("changed on main")
    git("commit", "-qam", "three")
    git("switch", "-q", "work")
    assert run(root)[0] == ["e2e tests/e2e/test_one.py", "unit a", *C.ALWAYS]
    assert run(root, "--against", "HEAD")[0] == []
    assert len(run(root, "--against", "main")[0]) == 6
    git("branch", "-qD", "main")
    assert run(root)[0] == []  # against HEAD


def test_what_is_not_known_is_everything(checkout):
    root, git = checkout
    for path in ("d/x.c", "tests/unit/b/test_y.c", "b/x.c"):
        out, said = run(root, "a/x.c", path)
        assert out == ["all"] and f"everything: {path}" in said
    out, said = run(root, "--against", "no-such-commit")
    assert out == ["all"] and "everything: git does not tell" in said
    (root / "tests/e2e/test_one.py").unlink()
    assert run(root, "a/x.c")[0] == ["all"]


def test_the_first_row_counts():
    table = C.read_table("a/b/* none\na/* all\n")
    assert choose("a/b/c", table=table) == set()
    with pytest.raises(C.Unclear):
        choose("a/c", table=table)


@pytest.mark.parametrize("row", ["a/*", "a/* everything", "a/* stage:none", "a/* unit:", "a/* all e2e:x", "a/* e2e"])
def test_a_row_that_says_nothing(row):
    with pytest.raises(SystemExit):
        C.read_table(row)


def test_stages_are_those_of_scripts_test():
    text = (ROOT / "scripts" / "test").read_text()
    usage = text.split("The stages:\n")[1].split("\n  --")[0].split()
    assert sorted(usage) == sorted(C.STAGES)
    assert all(f"stage {stage} " in text for stage in C.STAGES)


def test_tests_run_themselves():
    assert choose("tests/e2e/test_pages.py") == {"e2e tests/e2e/test_pages.py"}
    assert choose("tests/faults/test_kill.py") == {"e2e tests/faults/test_kill.py"}
    assert choose("tests/gateways/test_rows.py") == {"e2e tests/gateways/test_rows.py"}
    assert choose("tests/unit/broker/test_peer.c") == {"unit broker"}
    assert choose("tests/e2e/test_that_was_removed.py") == set()
    assert choose("tests/token/rig.c") == {"unit token", "unit softhsm", "stage gcc-nss"}


def test_documents():
    assert choose("docs/design.md") == {"e2e tests/e2e/test_examples.py"}
    assert choose("README.md") == {"e2e tests/e2e/test_examples.py", "e2e tests/gateways/test_try_gateway.py"}
    assert choose("LICENSE", "base/README") == set()
    assert choose("man/cekctl.1") == {"unit client/cekctl", "stage install"}


@pytest.mark.parametrize("path", ["base/wipe.c", "proto/frame.c", "meson.build", "tests/conftest.py", "what/ever.c"])
def test_what_everything_stands_on(path):
    with pytest.raises(C.Unclear):
        choose(path)


def test_sources():
    broker = choose("daemon/broker/net/peer.c")
    assert {"unit broker", "e2e tests/e2e/test_bad_input.py"} <= broker and "e2e tests/e2e/test_lifecycle.py" not in broker
    every = {line for line in choose("daemon/broker/broker.c") if line.startswith("e2e ")}
    assert {line.split("/")[1] for line in every} == {"e2e", "interop", "faults", "gateways"}
    assert every < choose("daemon/token/algs/rsa.c") > {"unit token", "unit softhsm", "unit broker", "stage gcc-nss"}
    # issuers have a stage of their own
    assert "stage issuers" in choose("client/cekctl/jwks/set.c") and choose("tests/issuers/life.py") == {"stage issuers"}
    assert choose("client/jose/zip.c") > {"unit client/jose", "e2e tests/interop/test_npm_jose.py"}


def tracked():
    done = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip("no checkout of git")
    return [path for path in done.stdout.splitlines() if (ROOT / path).exists()]


def test_every_file_has_a_row_that_can_be_carried_out():
    for path in tracked():
        words, pattern = C.words_for(path, TABLE)
        for word in words if words != ["all"] else []:
            C.lines_for(word, path, ROOT)


def test_every_row_is_the_first_one_for_some_file():
    """But for those of files that are not there yet."""
    first = {C.words_for(path, TABLE)[1] for path in tracked()}
    unused = {pattern for pattern, _ in TABLE} - first
    assert unused <= {".clang-format", ".git-blame-ignore-revs", "CONTRIBUTING.md"}
