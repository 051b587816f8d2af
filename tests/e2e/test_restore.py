# SPDX-License-Identifier: Apache-2.0
"""A key journal that was copied, restored from a backup or is empty beside a token with keys is served only when an
operator has confirmed it."""

import json
import os
import pty
import re
import shutil
import time

import cekd as C
import pytest
from cekd import pb, status_name

DAY = 86400


def version(client, kid):
    key = client.ok(describe_key=pb.DescribeKeyRequest(kid=kid)).key.key
    return next(v for v in key.version if v.kid == kid)


def move(client, kid, to, **more):
    return client.call(set_key_state=pb.SetKeyStateRequest(kid=kid, state=getattr(pb, f"STATE_{to}"), **more))


def needed(daemon):
    with daemon.client() as client:
        return client.ok(restore=pb.RestoreRequest()).restore


def findings(daemon):
    with daemon.client() as client:
        return client.ok(fsck=pb.FsckRequest()).fsck.finding


def start_unready(daemon):
    """It answers, and serves nobody."""
    daemon.spawn()

    def answers():
        assert daemon.process.poll() is None, daemon.log_text()
        try:
            reply = daemon.status()
        except (ConnectionError, FileNotFoundError):
            return False
        return reply.journal == "ok" and len([w for w in reply.worker if w.state == "ready"]) == 2
    C.wait_for(answers, "cekd to answer")
    status = daemon.status()
    assert not status.ready and "restored journal" in status.why_not_ready


def head_of(path):
    done = C.run([C.CEKCTL, "audit", "verify", path, "--json"])
    head = json.loads(done.stdout)
    return f"{head['seq']}:{head['hash']}"


def backup(daemon, where, names=("keys.jsonl", "audit.jsonl")):
    """As cekd(8) says: key journal, token, audit journal."""
    where.mkdir()
    shutil.copy2(daemon.keys, where / "keys.jsonl")
    shutil.copytree(daemon.token.tokens, where / "tokens")
    shutil.copy2(daemon.audit, where / "audit.jsonl")


def restore(daemon, where, tokens=True):
    """New files in place of the old ones."""
    for name in ("keys.jsonl", "audit.jsonl"):
        (daemon.state / name).unlink()
        shutil.copy2(where / name, daemon.state / name)
    if not tokens:
        return
    owners = {path.name: os.stat(path) for path in [daemon.token.tokens, *daemon.token.tokens.rglob("*")]}
    shutil.rmtree(daemon.token.tokens)
    shutil.copytree(where / "tokens", daemon.token.tokens)
    some = next(iter(owners.values()))
    for path in [daemon.token.tokens, *daemon.token.tokens.rglob("*")]:
        of = owners.get(path.name, some)
        os.chown(path, of.st_uid, of.st_gid)


@pytest.fixture
def aged(make_cekd):
    """A daemon, and a backup from before one version was compromised and another destruction was taken back:
    (daemon, backup, compromised, kept, good)."""
    daemon = make_cekd(page=True, destroy_wait_min=60)
    with daemon.client() as client:
        for name in ("a", "b", "g"):
            client.ok(create_key=pb.CreateKeyRequest(key=name, alg="A128GCMKW" if name == "g" else "A128KW"))
        bad, kept, counted = client.generate("a"), client.generate("b"), client.generate("g")
        client.rotate("a")
        client.rotate("b")
        good = client.generate("b")
        client.ok(destroy_version=pb.DestroyVersionRequest(kid=kept.kid, force=True, wait=60))
        saved = daemon.where / "backup"
        backup(daemon, saved)
        assert move(client, bad.kid, "COMPROMISED", reason="laptop lost").status == pb.STATUS_OK
        assert move(client, kept.kid, "DEACTIVATED").status == pb.STATUS_OK
    daemon.stop()
    return daemon, saved, bad, kept, good, counted


def test_normal_life_needs_no_confirmation(make_cekd):
    """First start, restart, a log shipper that reads and copies, death of journal and broker."""
    daemon = make_cekd()
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        assert not client.ok(restore=pb.RestoreRequest()).restore.needed
        reply = client.call(restore=pb.RestoreRequest(confirm=True))
        assert status_name(reply) == "CONFLICT"
    shutil.copy2(daemon.keys, daemon.where / "shipped")
    daemon.restart()
    for name in ("cekd-journal", "cekd-broker"):
        daemon.kill_child(name)
    daemon.kill()
    daemon.start()
    with daemon.client() as client:
        assert not client.ok(restore=pb.RestoreRequest()).restore.needed
        assert client.unwrap(made).unwrap.cek == made.cek


def test_restored_backup(aged):
    daemon, saved, bad, kept, good, counted = aged
    head = head_of(saved / "keys.jsonl")
    restore(daemon, saved)
    start_unready(daemon)
    with daemon.client() as client:
        # Nothing that would use a key, or make things less strict.
        assert status_name(client.unwrap(bad)) == status_name(client.unwrap(good)) == "UNAVAILABLE"
        for op in ({"generate_cek": pb.GenerateCekRequest(key="b", enc="A256GCM")},
                   {"create_key": pb.CreateKeyRequest(key="new", alg="A128KW")},
                   {"rotate_key": pb.RotateKeyRequest(key="b", active_kid=good.kid)},
                   {"get_public_keys": pb.GetPublicKeysRequest()}, {"watch": pb.WatchRequest()}):
            reply = client.call(**op)
            assert status_name(reply) == "UNAVAILABLE" and "restored journal" in reply.message, op
        assert status_name(move(client, kept.kid, "DEACTIVATED")) == "UNAVAILABLE"
        # A look at it.
        assert {key.name for key in client.ok(list_keys=pb.ListKeysRequest()).list_keys.key} == {"a", "b", "g"}
        assert not client.ok(fsck=pb.FsckRequest()).fsck.finding
        assert version(client, kept.kid).state == pb.STATE_WAITING
        told = client.ok(restore=pb.RestoreRequest()).restore
        assert told.needed and told.head == head and told.last_time and "a copy of it" in told.why
        # What is known to be compromised is declared so before anything is served.
        assert status_name(move(client, bad.kid, "COMPROMISED", rotate=True)) == "UNAVAILABLE"
        assert status_name(move(client, bad.kid, "COMPROMISED", reason="again")) == "OK"
    # Restarts do not wear it down, and the waiting period does not end meanwhile.
    for _ in range(2):
        daemon.stop()
        start_unready(daemon)
    daemon.page.shift(DAY)
    with daemon.client() as client:
        told = client.ok(restore=pb.RestoreRequest()).restore
        assert told.needed and told.head == head
        assert version(client, kept.kid).state == pb.STATE_WAITING
        shown = daemon.cekctl("restore", "show").stdout
        assert head in shown and bad.kid in shown and "compromised" in shown
        # A head kept elsewhere that this journal does not hold.
        seq, digest = head.split(":")
        for wrong in (f"{seq}:{'0' * 64}", f"99999:{digest}"):
            assert status_name(client.call(restore=pb.RestoreRequest(confirm=True, head=wrong))) == "CONFLICT"
        assert status_name(client.call(restore=pb.RestoreRequest(confirm=True, head="x"))) == "CONFLICT"
        assert status_name(client.unwrap(good)) == "UNAVAILABLE"
        refused = daemon.cekctl("restore", "confirm", check=False, assume_yes=False, stdin=None, input="")
        assert refused.returncode == 2 and "--yes" in refused.stderr
        before = daemon.keys.read_bytes()
        preview = daemon.cekctl("restore", "confirm", "--dry-run").stdout
        assert "waits until" in preview and "rotates before it wraps again" in preview and "Nothing was changed" in preview
        assert daemon.keys.read_bytes() == before and daemon.status().ready is False
        daemon.cekctl("restore", "confirm", "--yes", "--head", head, "--reason", "disk replaced")
        assert daemon.status().ready
        assert client.unwrap(good).unwrap.cek == good.cek
        assert status_name(client.unwrap(bad)) == "UNUSABLE"
        # The destruction that was taken back since is not carried out at once: its period begins anew.
        waiting = version(client, kept.kid)
        assert waiting.state == pb.STATE_WAITING and waiting.until > told.last_time + 7 * DAY * 1_000_000
        assert move(client, kept.kid, "DEACTIVATED").status == pb.STATUS_OK
        # How many wraps the lost part had reserved is not known.
        assert client.generate("g").kid != counted.kid
        assert client.unwrap(counted).unwrap.cek == counted.cek
    records = [json.loads(line) for line in daemon.keys.read_text().splitlines()]
    confirmed = [r for r in records if r["type"] == "restored"]
    assert len(confirmed) == 1 and confirmed[0]["reason"] == "disk replaced" and confirmed[0]["uid"] == os.geteuid()
    daemon.restart()
    assert not needed(daemon).needed
    daemon.cekctl("audit", "verify", daemon.keys, "--expect", head)


def test_versions_are_named_as_always_before_the_confirmation(aged):
    """Who has to declare something compromised in a hurry need not type a whole kid."""
    daemon, saved, bad, kept, good, _ = aged
    restore(daemon, saved)
    start_unready(daemon)
    assert daemon.json("key", "show", "--kid", "a/1")["name"] == "a"
    daemon.cekctl("key", "suspend", good.kid[:10])
    told = daemon.json("key", "compromise", "a/1", "--yes")
    assert [v["state"] for v in told["versions"] if v["kid"] == bad.kid] == ["compromised"]
    assert {v["kid"]: v["state"] for v in daemon.json("key", "show", "b")["versions"]}[good.kid] == "suspended"
    # Of what this journal does not know nothing is said, but that.
    for word in ("a/9", "nothing-of-the-kind", "other/1", "no key/1"):
        done = daemon.cekctl("key", "suspend", word, check=False)
        status = (3, "UNKNOWN_KEY") if word == "a/9" else (5, "restored journal")
        assert done.returncode == status[0] and status[1] in done.stderr, (word, done.stderr)
    assert kept.kid in daemon.cekctl("key", "show", "b").stdout


def test_kid_like_a_number_before_the_confirmation(make_cekd):
    """NAME of NAME/2 is no key here, and cekd does not say so."""
    daemon = make_cekd()
    key = '{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw","kid":"issuer/2"}'
    daemon.cekctl("key", "import", "k", "--alg", "A128KW", "--jwk", "-", input=key)
    saved = daemon.where / "backup"
    backup(daemon, saved)
    daemon.stop()
    restore(daemon, saved, tokens=False)
    start_unready(daemon)
    assert daemon.json("key", "suspend", "issuer/2")["versions"][0]["state"] == "suspended"


def test_older_journal_beside_a_longer_audit_journal(aged):
    """keys.jsonl alone, written over in place, so that the file is the same: the audit journal knows better."""
    daemon, saved, bad, kept, good, _ = aged
    daemon.keys.write_bytes((saved / "keys.jsonl").read_bytes())
    start_unready(daemon)
    told = needed(daemon)
    assert told.needed and "audit.jsonl knows of a longer life" in told.why
    assert [bad.kid in line and "compromised" in line for line in told.later] == [True, False], told.later
    assert kept.kid in told.later[1]
    daemon.stop()
    start_unready(daemon)
    assert list(needed(daemon).later) == list(told.later)
    shown = daemon.cekctl("restore", "show").stdout
    assert "NOT IN IT" in shown and told.later[0] in shown
    with daemon.client() as client:
        assert move(client, bad.kid, "COMPROMISED").status == pb.STATUS_OK
        assert client.call(restore=pb.RestoreRequest(confirm=True)).status == pb.STATUS_OK
        assert client.unwrap(good).unwrap.cek == good.cek
        assert status_name(client.unwrap(bad)) == "UNUSABLE"
    daemon.restart()
    daemon.kill_child("cekd-journal")
    daemon.kill_child("cekd-broker")
    assert not needed(daemon).needed


def test_lost_key_journal(aged):
    """An empty journal beside an audit journal that knows keys is no first start."""
    daemon, *_ = aged
    daemon.keys.unlink()
    start_unready(daemon)
    assert needed(daemon).needed


def test_confirmation_on_a_terminal(aged):
    daemon, saved, *_ = aged
    restore(daemon, saved)
    start_unready(daemon)
    for answer, code in (("no\n", 1), ("yes\n", 0)):
        ours, theirs = pty.openpty()
        os.write(ours, answer.encode())
        try:
            done = daemon.cekctl("restore", "confirm", check=False, assume_yes=False, stdin=theirs)
        finally:
            os.close(theirs)
            os.close(ours)
        assert done.returncode == code and "Type yes" in done.stderr, done
        assert daemon.status().ready == (code == 0)


def test_what_follows_a_confirmation(aged):
    """The journal was one condition of several: it is said whether cekd serves now, what else is missing, and who may not
    know is told whom to ask."""
    daemon, saved, *_ = aged
    restore(daemon, saved)
    start_unready(daemon)
    assert daemon.cekctl("restore", "confirm", "--yes").stdout.splitlines()[-1] == "Confirmed: cekd serves."
    assert daemon.status().ready
    daemon.stop()
    restore(daemon, saved)
    away = daemon.token.where / "away"
    daemon.token.tokens.rename(away)
    daemon.start()  # READY=1: it waits for an operator
    said = daemon.cekctl("restore", "confirm", "--yes").stdout.splitlines()[-1]
    # Which of two reasons depends on whether a worker has tried already, and changes when one does.
    reason = "(no token worker is ready|module: C_Initialize says CKR_GENERAL_ERROR; .+)"
    assert re.fullmatch(f"Confirmed; cekd does not serve yet: {reason}", said), said
    status = daemon.status()
    assert not status.ready and re.fullmatch(reason, status.why_not_ready), status
    away.rename(daemon.token.tokens)
    daemon.wait_ready()


@pytest.mark.skipif(not C.ROOT, reason="only root can become other users")
def test_what_follows_is_not_told_to_who_may_not_know(aged):
    daemon, saved, *_ = aged
    daemon.config.rules = {"root": {"users": ["0"], "operations": C.OPERATIONS, "keys": ["*"]},
                           "alice": {"users": [str(C.UID_ALICE)], "operations": ["restore", "list"], "keys": ["*"]}}
    restore(daemon, saved)
    start_unready(daemon)
    code, out = C.as_uid(C.UID_ALICE, lambda: (lambda done: [done.returncode, done.stdout])(
        C.run([C.CEKCTL, "--socket", daemon.socket, "restore", "confirm", "--yes"], check=False)))
    assert code == 0 and out.splitlines()[-1] == 'Confirmed; whether cekd serves, "cekctl doctor" tells.', out
    assert daemon.status().ready


def test_permission(make_cekd):
    operations = [name for name in C.OPERATIONS if name != "restore"]
    daemon = make_cekd(rules={"all": {"anyone": True, "operations": operations, "keys": ["*"]}})
    with daemon.client() as client:
        assert status_name(client.call(restore=pb.RestoreRequest())) == "DENIED"


# ---- a journal without keys -----------------------------------------------------------------------------------


def answers(daemon):
    """Its workers are there, and the token has said what it holds."""
    try:
        status = daemon.status()
    except (ConnectionError, FileNotFoundError):
        return False
    return len([w for w in status.worker if w.kind == "use" and w.state == "ready"]) == 2 and "the token holds" in needed(daemon).why


def start_unmounted(daemon, n):
    daemon.spawn()
    C.wait_for(lambda: answers(daemon), f"cekd to answer\n{daemon.log_text()}")
    status = daemon.status()
    assert not status.ready and status.why_not_ready == needed(daemon).why
    assert status.why_not_ready == (f"keys.jsonl has no keys, but the token holds {n} that cekd made "
                                    "(is the state directory mounted?)")
    check_nothing_is_known(daemon)


def check_nothing_is_known(daemon):
    """What a gateway does not try again would be wrong: the keys may be there in a moment."""
    with daemon.client() as client:
        for op in ({"unwrap": pb.UnwrapRequest(kid="a", alg="A128KW", enc="A256GCM", encrypted_key=bytes(40))},
                   {"unwrap": pb.UnwrapRequest(key="a", alg="A128KW", enc="A256GCM", encrypted_key=bytes(40))},
                   {"generate_cek": pb.GenerateCekRequest(key="a", enc="A256GCM")},
                   {"wrap": pb.WrapRequest(key="a", enc="A256GCM", cek=bytes(32))},
                   {"rewrap": pb.RewrapRequest(kid="a", alg="A128KW", encrypted_key=bytes(40))},
                   {"create_key": pb.CreateKeyRequest(key="a", alg="A128KW")},
                   {"describe_key": pb.DescribeKeyRequest(key="a")}, {"get_public_keys": pb.GetPublicKeysRequest()},
                   {"rotate_key": pb.RotateKeyRequest(key="a")}, {"watch": pb.WatchRequest()},
                   {"set_key_state": pb.SetKeyStateRequest(kid="a", state=pb.STATE_SUSPENDED)},
                   {"destroy_version": pb.DestroyVersionRequest(kid="a")}):
            reply = client.call(**op)
            assert status_name(reply) == "UNAVAILABLE" and "the key journal is empty" in reply.message, (op, reply)


def unmount(daemon):
    """The state directory as it is when nothing is mounted there."""
    mounted = daemon.where / "mounted"
    daemon.state.rename(mounted)
    daemon.state.mkdir(mode=0o711)
    return mounted


def mount(daemon, mounted):
    unmounted = daemon.where / "unmounted"
    daemon.state.rename(unmounted)
    mounted.rename(daemon.state)
    return unmounted


@pytest.fixture
def used(make_cekd):
    """A daemon with three versions in the token, stopped, and something that it opens."""
    daemon = make_cekd()
    with daemon.client() as client:
        wrapped = client.generate(daemon.key("A128KW", name="a"))
        client.rotate("a")
        daemon.key("ECDH-ES", "P-256")
    daemon.stop()
    return daemon, wrapped


def test_state_directory_not_mounted(used):
    """It waits. Mounting the right one and starting again is all that is to be done; the stray files do no harm."""
    daemon, wrapped = used
    mounted = unmount(daemon)
    for _ in range(2):
        start_unmounted(daemon, 3)
        shown = daemon.cekctl("restore", "show").stdout
        assert "is the state directory mounted?" in shown
        assert daemon.cekctl("status", "--ready", check=False).returncode != 0
        assert len(findings(daemon)) >= 3
        daemon.stop()
    unmounted = mount(daemon, mounted)
    assert {path.name for path in unmounted.iterdir()} == {"keys.jsonl", "audit.jsonl", "lock"}
    daemon.start()
    assert not needed(daemon).needed
    with daemon.client() as client:
        assert client.unwrap(wrapped).unwrap.cek == wrapped.cek


def test_journal_of_a_first_start_without_keys(make_cekd):
    """The empty directory below was once the right one, before the other was mounted there."""
    daemon = make_cekd()
    daemon.restart()  # not asked for a confirmation, the second time either
    daemon.stop()
    below = daemon.where / "below"
    shutil.copytree(daemon.state, below)
    daemon.start()
    daemon.key("A128KW")
    daemon.stop()
    keys = (below / "keys.jsonl").read_bytes()
    daemon.keys.write_bytes(keys)  # the same file
    daemon.audit.write_bytes((below / "audit.jsonl").read_bytes())
    start_unmounted(daemon, 1)


def test_new_journal_beside_keys_is_confirmed_once(used):
    daemon, wrapped = used
    unmount(daemon)
    start_unmounted(daemon, 3)
    daemon.cekctl("restore", "confirm", "--yes", "--reason", "the old journal is lost")
    daemon.wait_ready()
    with daemon.client() as client:
        assert status_name(client.unwrap(wrapped)) == "UNKNOWN_KEY"
    for _ in range(2):  # before there is a key, and after
        daemon.restart()
        with daemon.client() as client:
            made = client.generate(daemon.key("A128KW", name="new"))
            assert client.unwrap(made).unwrap.cek == made.cek
    records = [json.loads(line) for line in daemon.keys.read_text().splitlines()]
    assert [r.get("suspect", False) for r in records if r["type"] == "open"] == [True, False, False]
    assert [r["reason"] for r in records if r["type"] == "restored"] == ["the old journal is lost"]


def test_token_is_down_when_the_journal_is_empty(used):
    """Not known is not empty: it waits for the token."""
    daemon, wrapped = used
    mounted = unmount(daemon)
    away = daemon.token.where / "away"
    daemon.token.tokens.rename(away)
    daemon.spawn()

    def refuses():
        try:
            return not daemon.status().ready and needed(daemon).needed
        except (ConnectionError, FileNotFoundError):
            return False
    C.wait_for(refuses, "cekd to answer")
    check_nothing_is_known(daemon)
    with daemon.client() as client:
        assert status_name(client.call(restore=pb.RestoreRequest(confirm=True))) == "UNAVAILABLE"
    assert not daemon.keys.read_text()
    away.rename(daemon.token.tokens)
    C.wait_for(lambda: answers(daemon), f"the token to be asked\n{daemon.log_text()}")
    assert "the token holds 3 that cekd made" in daemon.status().why_not_ready
    daemon.stop()
    mount(daemon, mounted)
    daemon.start()
    with daemon.client() as client:
        assert client.unwrap(wrapped).unwrap.cek == wrapped.cek


def test_stop_while_the_token_is_down(used):
    """Nobody waits for an answer that does not come."""
    daemon, _ = used
    unmount(daemon)
    daemon.token.tokens.rename(daemon.token.where / "away")
    daemon.spawn()
    C.wait_for(daemon.children, "cekd to start its children")  # before that a signal ends it
    began = time.monotonic()
    daemon.stop()
    assert time.monotonic() - began < 29  # after 30 s it would be killed


def test_journal_with_keys_does_not_ask_the_token(used):
    daemon, _ = used
    daemon.start()
    assert not [w for w in daemon.status().worker if w.kind == "manage"]


def test_token_of_somebody_else(make_cekd, first_token):
    """The mirror: the journal has keys, and the token none of them."""
    daemon = make_cekd()
    with daemon.client() as client:
        made = [client.generate(daemon.key("A128KW", name=name)) for name in ("a", "b")]
    daemon.stop()
    daemon.token.tokens.rename(daemon.token.where / "right")
    first_token.copy(daemon.where / "other").tokens.rename(daemon.token.tokens)
    daemon.start()
    with daemon.client() as client:
        assert [status_name(client.unwrap(wrapped)) for wrapped in made] == ["UNUSABLE", "UNUSABLE"]
    warning = "the token has no object for 2 of 2 versions: is it the right token? (cekctl fsck)"
    C.wait_for(lambda: warning in daemon.status().warning, "a warning")
    assert [f.kind for f in findings(daemon)] == ["missing", "missing"]
