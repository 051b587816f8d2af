# SPDX-License-Identifier: Apache-2.0
"""cekctl rewrap: files of wrapped CEKs, one a line, brought under the active version."""

import json
import os
import pty
import subprocess
import threading

import cekd as C
import pytest

LINES = 600


def line(made):
    return json.dumps({"kid": made.kid, "alg": made.alg, "enc": "A256GCM", "encrypted_key": C.b64(made.encrypted_key)})


@pytest.fixture(scope="module")
def old(shared):
    """CEKs that were wrapped before a rotation: (key, [(cek, line)], kid of the active version)."""
    key = shared.key("A128KW", name="rewrap")
    with shared.client() as client:
        made = []
        for _ in range(LINES // 50):
            ids = [client.send(generate_cek=C.pb.GenerateCekRequest(key=key, enc="A256GCM")) for _ in range(50)]
            made += [client.reply(id).generate_cek for id in ids]
        client.rotate(key)
        return key, [(m.cek, line(m)) for m in made], client.generate(key).kid


def opens(shared, rewrapped, cek):
    with shared.client() as client:
        request = C.pb.UnwrapRequest(kid=rewrapped["kid"], alg="A128KW", enc="A256GCM",
                                     encrypted_key=C.unb64(rewrapped["encrypted_key"]))
        return client.ok(unwrap=request).unwrap.cek == cek


def test_order_and_restart(shared, old):
    """Bad lines do not stop the others; what came out goes in again: only what failed is done, all else is unchanged."""
    key, rows, active = old
    lines = [text for _, text in rows]
    good = lines[100]
    lines[100] = lines[100].replace('"encrypted_key": "', '"encrypted_key": "AAAA')
    lines[200] = "{broken"
    done = shared.cekctl("rewrap", "--key", key, input="\n".join(lines) + "\n", check=False)
    assert done.returncode == 1 and "2 of 600" in done.stderr
    out = [json.loads(text) for text in done.stdout.splitlines()]
    assert [number for number, row in enumerate(out) if "error" in row] == [100, 200]
    assert all(row["kid"] == active for number, row in enumerate(out) if number not in (100, 200))
    for number in (0, 99, 101, 199, 201, LINES - 1):
        assert opens(shared, out[number], rows[number][0]), number
    again = done.stdout.splitlines()
    again[100] = good
    more = shared.cekctl("rewrap", "--key", key, input="\n".join(again) + "\n", check=False)
    rows_again = [json.loads(text) for text in more.stdout.splitlines()]
    assert more.returncode == 1 and [n for n, row in enumerate(rows_again) if "error" in row] == [200]
    assert all(row.get("unchanged") for number, row in enumerate(rows_again) if number not in (100, 200))
    assert not rows_again[100].get("unchanged") and opens(shared, rows_again[100], rows[100][0])
    assert [row.get("encrypted_key") for row in rows_again[:100]] == [row["encrypted_key"] for row in out[:100]]


def test_death_in_the_middle(shared, old, tmp_path):
    """What a killed run left is whole lines in order; a second run over the rest completes the file."""
    key, rows, active = old
    child = subprocess.Popen([C.CEKCTL, "rewrap", "--key", key], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             env=os.environ | {"CEK_SOCKET": shared.socket}, text=True)
    for _, text in rows[:300]:
        child.stdin.write(text + "\n")
    child.stdin.flush()
    got = [child.stdout.readline()]
    child.kill()
    got += child.stdout.readlines()
    child.stdin.close()
    child.wait()
    whole = [text for text in got if text.endswith("\n")]
    rest = shared.cekctl("rewrap", "--key", key, input="\n".join(text for _, text in rows[len(whole):]) + "\n")
    out = [json.loads(text) for text in whole + rest.stdout.splitlines()]
    assert len(out) == LINES and all(row["kid"] == active for row in out)
    for number in (0, len(whole) - 1, len(whole), LINES - 1):
        assert opens(shared, out[number], rows[number][0]), number


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_bar(shared, old, tmp_path, terminal):
    """On a terminal a bar that reaches its end; elsewhere nothing on standard error."""
    key, rows, _ = old
    source = tmp_path / "in"
    source.write_text("".join(text + "\n" for _, text in rows))
    ours, theirs = pty.openpty() if terminal else os.pipe()
    shown = []

    def read():
        try:
            while data := os.read(ours, 4096):
                shown.append(data)
        except OSError:  # the other side of a pty is closed
            pass
    reader = threading.Thread(target=read)
    reader.start()
    try:
        with open(source) as file, open(tmp_path / "out", "w") as out:
            code = subprocess.run([C.CEKCTL, "rewrap", "--key", key], stdin=file, stdout=out, stderr=theirs,
                                  env=os.environ | {"CEK_SOCKET": shared.socket, "TERM": "xterm"}, timeout=C.PATIENCE).returncode
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)
    text = b"".join(shown).decode()
    assert code == 0 and len((tmp_path / "out").read_text().splitlines()) == LINES
    if terminal:
        frames = text.strip().split("\r")
        assert len(frames) > 2 and "100% 600 lines, 0 unchanged, 0 failed" in frames[-1], text
        assert any("#" in frame and "100%" not in frame for frame in frames), text
    else:
        assert text == ""
