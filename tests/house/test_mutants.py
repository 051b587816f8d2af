# SPDX-License-Identifier: Apache-2.0
"""tests/mutants/generate: each change compiles, acts alone, and does what it says."""

import json
import pathlib
import subprocess
import sys

import pytest

MUTANTS = pathlib.Path(__file__).resolve().parents[1] / "mutants"
sys.path.insert(0, str(MUTANTS))
pytest.importorskip("clang.cindex", reason="python3-clang is for scripts/test --mutants")
import generate  # noqa: E402

SOURCE = r"""
#include <stdbool.h>
#include <stdio.h>

enum { LIMIT = 3 };
static const int table[] = {1, 2};
static int calls;

static void count(void) { calls++; }

static int look(int a, int b)
{
	if (a < 0)
		return -1;
	count();
	if (a < LIMIT && !(b == 2))
		calls += 10;
	else if (a > b || (b ? true : false)) count();
	switch (a) {
	case 1:
		count();
		break;
	default:
		break;
	}
	return 0;
}

int main(void)
{
	for (int a = -1; a <= 3; a++)
		for (int b = 0; b < 3; b++)
			printf("%d,", look(a, b));
	printf("%d %d\n", calls, table[1]);
	return 0;
}
"""


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """(mutants by number, what the program prints with one of them in force)"""
    where = tmp_path_factory.mktemp("mutants")
    path = where / "a.c"
    path.write_text(SOURCE)
    (where / "compile_commands.json").write_text(json.dumps(
        [{"directory": str(where), "file": "a.c", "command": "cc -DX -c a.c"}]))
    (source,) = generate.read(where, where, ["a.c"])
    numbered = [(i + 1, places) for i, (_, places) in enumerate(source.found)]
    text = generate.written(source, numbered)
    assert text.count("\n") == SOURCE.count("\n")  # lines keep their numbers
    path.write_text(text)
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-w", "-include", MUTANTS / "mutant.h", "-o", where / "a", path], check=True)

    def run(number, **more):
        return subprocess.run([where / "a"], env={"CEKD_MUTANT": str(number), **more}, capture_output=True, text=True,
                              timeout=5).stdout
    return {i + 1: mutant for i, (mutant, _) in enumerate(source.found)}, run, where


def by(mutants, kind, text):
    (number,) = [number for number, mutant in mutants.items() if (mutant.function, mutant.kind, mutant.text) == ("look", kind, text)]
    return number


def test_none_is_in_force(changed):
    _, run, _ = changed
    assert run(0) == "-1,-1,-1,0,0,0,0,0,0,0,0,0,0,0,0,81 2\n" == run(99999)


@pytest.mark.parametrize("kind, text, output", [
    ("check dropped", "a < 0", "0,0,0,0"),
    ("negated", "a < 0", "0,0,0,-1"),
    ("< to <=", "a < 0", "-1,-1,-1,-1"),
    ("return -1", "return 0", "-1,-1,-1,-1"),
    ("dropped", "calls += 10", "-1,-1,-1,0"), ("&& to ||", "a < LIMIT && !(b == 2)", None), ("! removed", "!(b == 2)", None),
    ("== turned", "b == 2", None), ("one more", "2", None),
])
def test_a_change(changed, kind, text, output):
    mutants, run, _ = changed
    number = by(mutants, kind, text)
    assert run(number) != run(0)
    assert output is None or run(number).startswith(output)


def test_tables_and_constants_stay(changed):
    mutants, _, _ = changed
    assert not [m for m in mutants.values() if m.line in (5, 6, 7)]


def test_what_was_come_by_is_told(changed):
    mutants, run, where = changed
    reached = where / "reached"
    reached.write_bytes(bytes(len(mutants) + 1))
    run(0, CEKD_MUTANT_REACHED=str(reached))
    assert set(reached.read_bytes()[1:]) == {1}  # all of this program runs
