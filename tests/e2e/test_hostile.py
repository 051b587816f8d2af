# SPDX-License-Identifier: Apache-2.0
"""cekctl against a daemon that is hostile: texts that steer a terminal in each string of each reply, replies with parts left
out, numbers without end, half a frame."""

import collections
import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time

import cekd as C
import pytest
from cekd import pb
from test_cekctl_exit import TOKEN, VERBS

# What a text may hold, and what of it may reach nobody as it is: C0, DEL, C1, marks and overrides of direction, what has no
# width, separators of lines, tags. No longer than the name of a key.
EVIL = "evil\x1b[2J\x07\x7f\u009b31m\u061c\u200b\u200e\u2028\u202e\u2066\ufeff\U000e0041end"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]")
NO_UTF8 = b"bad\xff\x9b31m\xc2"

KID = "kid-one"
PUBLIC = {"kty": "OKP", "crv": "X25519", "x": bytes(range(32)), "n": b"", "e": b"", "y": b""}

# What a field has to be, so that a verb goes on to show the others; any other text is a word, any other number 1.
SENSIBLE = {
    "Reply.id": 0, "Reply.status": pb.STATUS_OK, "Reply.message": "", "Reply.reason": 0,
    "Key.name": "absent", "Key.alg": "A128KW", "Key.crv": "", "Key.before": 0,
    "Version.kid": KID, "Version.state": pb.STATE_ACTIVE, "Version.resumes_to": pb.STATE_ACTIVE,
    "PublicKey": PUBLIC, "AlgParams.epk": None, "AlgParams.iv": b"", "AlgParams.tag": b"",
    "UnwrapReply.cek": bytes(32), "UnwrapReply.kid": KID, "UnwrapReply.key": "absent",
    "WrapReply.alg": "A128KW", "WrapReply.kid": KID, "RewrapReply.alg": "A128KW", "RewrapReply.kid": KID,
    "RewrapReply.unchanged": False,
    "GenerateCekReply.cek": bytes(16), "GenerateCekReply.alg": "A128KW", "GenerateCekReply.kid": KID,
    "ListKeysReply.more": False,
    "PublicKeyEntry.key": "absent", "PublicKeyEntry.alg": "ECDH-ES", "PublicKeyEntry.state": pb.STATE_ACTIVE,
    "PublicKeysReply.next": "", "StatusReply.ready": False, "MetricsReply.text": "# HELP a word\n# EOF\n",
    "WorkerStatus.kind": "use", "ProcessStatus.kind": "use", "PreviewReply.kid": KID,
}


def path_of(field):
    return f"{field.containing_type.name}.{field.name}"


def texts(message, seen=()):
    """The string fields below a message, as NAME.FIELD: of all replies, also of those that a later release adds."""
    found = set()
    for field in message.fields:
        if field.type == field.TYPE_STRING:
            found.add(path_of(field))
        elif field.type == field.TYPE_MESSAGE and field.message_type.name not in seen:
            found |= texts(field.message_type, (*seen, message.name))
    return found


def fill(message, evil=(), left_out=()):
    """Every field of it set; those named in evil to EVIL, those in left_out not at all."""
    for field in message.DESCRIPTOR.fields:
        path = path_of(field)
        value = SENSIBLE.get(path)
        if path in left_out or path in SENSIBLE and value is None:
            continue
        if field.containing_oneof and message.WhichOneof(field.containing_oneof.name):
            continue
        repeated = field.label == field.LABEL_REPEATED
        if field.type == field.TYPE_MESSAGE:
            inner = getattr(message, field.name)
            inner = inner.add() if repeated else inner
            inner.SetInParent()
            fill(inner, evil, left_out)
            for name, part in (SENSIBLE.get(field.message_type.name) or {}).items():
                if f"{field.message_type.name}.{name}" not in evil:
                    setattr(inner, name, part)
            continue
        if value is None:
            value = {field.TYPE_STRING: "word", field.TYPE_BYTES: b"\1" * 24, field.TYPE_BOOL: True}.get(field.type, 1)
        if path in evil:
            value = f'# HELP a {EVIL}\na{{l="{EVIL}"}} 1\n# EOF\n' if path == "MetricsReply.text" else EVIL
        if repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
    return message


RESULT = {"rotate_key": "key", "create_key": "key", "set_key_state": "key", "destroy_version": "key", "import_key": "key",
          "adopt_key": "key", "set_key_schedule": "key", "alias": "key", "describe_key": "key",
          "get_transport_key": "transport_key", "get_public_keys": "public_keys", "status": "status_reply"}


def framed(reply):
    body = reply.SerializeToString()
    return struct.pack(">I", len(body)) + body


def answer(request, evil=(), left_out=(), bad=None):
    """The packed reply to a request. bad: a field that is no UTF-8, which the Python library would refuse."""
    op = request.WhichOneof("op")
    reply = pb.Reply(id=request.id, status=pb.STATUS_OK, epoch=7)
    result = getattr(reply, RESULT.get(op, op))
    result.SetInParent()
    fill(result, evil or ({bad} if bad else ()), left_out)
    if op == "get_public_keys" and result.entry:
        result.entry.add().CopyFrom(result.entry[0])
        result.entry[1].key = "second"
    body = reply.SerializeToString()
    if bad:
        body = body.replace(EVIL.encode(), NO_UTF8.ljust(len(EVIL.encode()), b"\xfe"))
    return struct.pack(">I", len(body)) + body


class Daemon:
    """Gives each frame to answer(request), and sends what that returns."""

    def __init__(self, path, reply):
        self.path, self.reply = path, reply
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(64)
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=[self.listener.accept()[0]], daemon=True).start()

    def serve(self, peer):
        with contextlib.suppress(OSError), peer, peer.makefile("rb") as stream:
            while len(head := stream.read(4)) == 4:
                data = self.reply(pb.Request.FromString(stream.read(struct.unpack(">I", head)[0])))
                for part in data if isinstance(data, (list, collections.abc.Iterator)) else [data]:
                    peer.sendall(part)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(C.PATIENCE)
        self.listener.close()


@contextlib.contextmanager
def daemon(reply):
    where = C.folder("cekd-hostile-")
    one = Daemon(where / "s", reply)
    try:
        yield one.path
    finally:
        one.close()
        shutil.rmtree(where)


# Each verb that asks cekd something, with words that its sensible replies fit; more than one way where they show different
# things: (arguments, standard input).
PUBLIC_KEY = C.b64(bytes(range(32)))
CALLS = {verb: row for verb, row in VERBS.items() if verb not in ("key import", "restore confirm", "unwrap")} | {
    "key list, names": (["key", "list", "--output", "name"], ""),
    "key show, names": (["key", "show", "absent", "--output", "name"], ""),
    "key show, NAME/1": (["key", "show", "--kid", "absent/1"], ""),
    "key rotate, plan": (["key", "rotate", "absent", "--plan"], ""),
    "key rotate, dry": (["key", "rotate", "absent", "--dry-run"], ""),
    "key schedule, show": (["key", "schedule", "absent"], ""),
    "key destroy, dry": (["key", "destroy", KID, "--dry-run"], ""),
    "key import": (VERBS["key import"][0], VERBS["key import"][1]),
    "key import, dry": ([*VERBS["key import"][0], "--dry-run"], VERBS["key import"][1]),
    "jwks, all": (["jwks", "--every-key"], ""),
    "jwks, pem": (["jwks", "absent", "--format", "pem"], ""),
    "restore confirm": (["restore", "confirm", "--yes"], ""),
    "fsck, names": (["fsck", "--output", "name"], ""),
    "status, ready": (["status", "--ready"], ""),
    "unwrap": (["unwrap", "--kid", KID, "--alg", "A128KW", "--enc", "A256GCM"], C.b64(bytes(40))),
    "doctor": (["doctor"], ""),
    "doctor, key": (["doctor", "--key", "absent"], ""),
    "policy explain": (["policy", "explain", "--operation", "unwrap", "--key", "absent"], ""),
    "completion": (["completion", "words", "key", "suspend", ""], ""),
    "completion, algs": (["completion", "words", "key", "create", "x", "--alg", ""], ""),
}
PAYLOAD = ("unwrap", "jwe decrypt")  # what these print is a secret or a content, and no text
NO_JSON = ("jwe encrypt", "jwe decrypt", "jwks, pem", "completion", "completion, algs")
# Read and never shown: whoever makes a verb show one of them takes it out of here.
NOT_SHOWN = {"ExplainReply.missing", "PublicKeysReply.next", "StatusReply.features", "TransportKeyReply.id",
             "WrapReply.alg", "WrapReply.kid"}


def cekctl(path, args, given="", **kwargs):
    """Bytes out and bytes on standard error; it neither dies nor hangs."""
    done = subprocess.run([C.CEKCTL, "--socket", path, *args], input=given.encode(), capture_output=True, timeout=C.PATIENCE,
                          env=os.environ | {"TZ": "UTC0"}, **kwargs)
    assert done.returncode in range(7), (args, done.returncode, done.stderr)
    assert not C.SANITIZER.search(done.stderr.decode(errors="replace")), done.stderr
    return done


def check_texts(verb, done, more):
    out = b"" if verb in PAYLOAD and "--json" not in more else done.stdout
    for data in (out, done.stderr):
        text = data.decode()  # what is no UTF-8 comes out as an escape
        assert not RAW.search(text), (verb, more, text)
    if "--json" in more and out:
        for line in out.decode().splitlines() if verb.startswith(("watch", "rewrap")) else [out.decode()]:
            json.loads(line)
    return out + done.stderr


def each(jobs):
    """jobs() in a few threads; the first failure is raised."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return [one.result() for one in [pool.submit(job) for job in jobs]]


def ways(verb):
    return [[], ["--json"]] if verb not in NO_JSON and ", names" not in verb else [[]]


def test_every_text_of_every_reply():
    """One field after the other, so that what is judged by it does not hide the rest. Each that is shown at all is seen."""
    fields = sorted(texts(pb.Reply.DESCRIPTOR) - {"Reply.message"})
    asked, shown = collections.defaultdict(set), set()

    def ask(verb, args, given, field, more, path):
        done = cekctl(path, [*args, *more], given)
        if b"\\u202e" in check_texts(verb, done, more) or b"\\xff" in done.stdout:
            shown.add(field)

    def used(verb, args, given):
        """Which fields this verb is told: those of the replies to what it asks."""
        def note(request):
            op = request.WhichOneof("op")
            asked[verb] |= texts(pb.Reply.DESCRIPTOR.fields_by_name[RESULT.get(op, op)].message_type)
            return answer(request)
        with daemon(note) as path:
            cekctl(path, args, given)
    each([lambda row=row: used(*row) for row in ((verb, *call) for verb, call in CALLS.items())])
    for field in fields:
        with daemon(lambda request, field=field: answer(request, evil={field})) as path:
            each([lambda row=row: ask(*row) for row in (
                (verb, args, given, field, more, path) for verb, (args, given) in CALLS.items()
                if field in asked[verb] for more in ways(verb))])
    assert set(fields) - shown <= NOT_SHOWN, set(fields) - shown - NOT_SHOWN
    assert not NOT_SHOWN & shown and set(fields) >= NOT_SHOWN, NOT_SHOWN & shown


def test_texts_that_are_no_text():
    """Bytes that are no UTF-8: all of them are escapes, or U+FFFD in JSON; or the reply is refused."""
    def ask(verb, args, given, field, more, path):
        return check_texts(verb, cekctl(path, [*args, *more], given), more)

    for field in ("Key.alg", "Version.kid", "Version.alias", "Usage.peer", "Event.why", "PreviewReply.will", "Finding.what",
                  "StatusReply.warning", "StatusReply.token_label", "MetricsReply.text", "RestoreReply.why", "ExplainReply.why",
                  "PublicKeyEntry.kid", "RewrapReply.kid", "WrapReply.kid"):
        with daemon(lambda request, field=field: answer(request, bad=field)) as path:
            seen = each([lambda row=row: ask(*row) for row in (
                (verb, *CALLS[verb], field, more, path)
                for verb in ("key list", "key show", "key destroy, dry", "fsck", "status", "metrics", "restore show",
                             "policy explain", "jwks", "rewrap", "wrap", "completion", "doctor") for more in ways(verb))])
        assert field in ("PublicKeyEntry.kid", "RewrapReply.kid", "WrapReply.kid") or any(
            b"bad\\xff\\x9b31m" in text or "bad\ufffd\ufffd31m".encode() in text for text in seen), (field, seen)


@pytest.mark.parametrize("status", ["DENIED", "CONFLICT", "UNSUPPORTED", "UNKNOWN_KEY", "MALFORMED"])
def test_the_sentence_of_a_refusal(status):
    def refuse(request):
        return framed(pb.Reply(id=request.id, status=pb.Status.Value(f"STATUS_{status}"), message=EVIL))

    with daemon(refuse) as path:
        for verb in ("key list", "key show", "key destroy, dry", "rewrap", "doctor", "jwks", "watch", "unwrap"):
            for more in ways(verb):
                check_texts("", cekctl(path, [*CALLS[verb][0], *more], CALLS[verb][1]), [])


def test_replies_with_parts_left_out():
    """A message that is not there, a list with nothing in it: an error or nothing to show, and no crash."""
    holes = [{path_of(field)} for field in {
        field.full_name: field for message in vars(pb).values() if hasattr(message, "DESCRIPTOR")
        for field in getattr(message.DESCRIPTOR, "fields", []) if message.__name__.endswith("Reply") or message is pb.Key
        or message is pb.Version if field.type == field.TYPE_MESSAGE or field.label == field.LABEL_REPEATED}.values()]
    everything = {name for hole in holes for name in hole}
    for left_out in [*holes, everything]:
        of_keys = {name.split(".")[0] for name in left_out} <= {"Key", "Version", "KeyReply", "PreviewReply"}
        with daemon(lambda request, left_out=left_out: answer(request, left_out=left_out)) as path:
            each([lambda row=row: check_texts(row[0], cekctl(path, [*row[1], *row[3]], row[2]), [])
                  for row in ((verb, args, given, more) for verb, (args, given) in CALLS.items() for more in ways(verb)[:1])
                  if left_out == everything or of_keys == row[0].startswith("key")])


# ---- replies that never end, and those that nobody asked for ------------------------------------------------------------


def half(request):
    """A frame that says more than there is."""
    frame = answer(request)
    return frame[:-1] if len(frame) > 5 else frame[:4]


def test_half_a_reply():
    """Each call has its time, however much of the answer is there; one line says so."""
    def ask(verb, args, given):
        done = cekctl(path, ["--timeout", "1s", *args], given)
        assert done.returncode == 5 and b"E_TIMEOUT" in done.stderr and done.stderr.count(b"\n") == 1, (verb, done)

    with daemon(half) as path, concurrent.futures.ThreadPoolExecutor(len(CALLS)) as pool:
        # rewrap tries each line six times, and completion has nothing to say
        for one in [pool.submit(ask, verb, *call) for verb, call in CALLS.items()
                    if verb != "rewrap" and not verb.startswith("completion")]:
            one.result()


def test_a_watch_that_never_says_anything():
    with daemon(lambda request: b"") as path:
        done = cekctl(path, ["--timeout", "1s", "watch"])
    assert done.returncode == 5 and b"E_TIMEOUT" in done.stderr and done.stderr.count(b"\n") == 1, done


@pytest.mark.slow
@pytest.mark.parametrize("pause", [None, 0.5], ids=["nothing", "an octet now and then"])
def test_half_a_piece_of_news(pause):
    """A watch waits for years, but not for the rest of what has begun."""
    def reply(request):
        yield answer(request)
        rest = answer(request)[:-1]
        if pause is None:
            yield rest
        for octet in rest:
            time.sleep(pause)
            yield bytes([octet])

    with daemon(lambda request: [answer(request), half(request)] if pause is None else reply(request)) as path:
        done = cekctl(path, ["watch"])
    assert done.returncode == 5 and b"E_DISCONNECTED" in done.stderr and done.stdout == b"1\n", done


def stray(request, **changes):
    reply = pb.Reply.FromString(answer(request)[4:])
    for name, value in changes.items():
        setattr(reply, name, value)
    return framed(reply)


def other(request):
    """The answer to something else."""
    asked = pb.Request(id=request.id)
    getattr(asked, "metrics" if request.WhichOneof("op") != "metrics" else "fsck").SetInParent()
    return answer(asked)


@pytest.mark.parametrize("name,reply,code", [
    ("an id that was never given", lambda request: stray(request, id=request.id + (1 << 40)), 1),
    ("an id of nobody", lambda request: stray(request, id=0), 1),
    ("no status", lambda request: stray(request, status=0), 1),
    ("another operation's answer", other, 1),
    ("twice", lambda request: answer(request) * 2, 0),
    ("an epoch that goes back", lambda request: [stray(request, epoch=9), stray(request, epoch=3)], 0),
], ids=lambda value: value if isinstance(value, str) else "")
def test_replies_that_do_not_fit(name, reply, code):
    with daemon(reply) as path:
        for verb in ("key list", "key show", "key schedule, show", "fsck", "metrics", "restore show", "jwks, all"):
            done = cekctl(path, *CALLS[verb])
            told = done.returncode, b"E_PROTOCOL" in done.stderr
            assert told == ((code, code == 1) if verb != "fsck" or code else (1, False)), (verb, done)


def test_epochs_that_go_back():
    def news(request):
        return [framed(pb.Reply(id=request.id, status=pb.STATUS_OK, epoch=epoch, watch=pb.WatchReply(epoch=epoch)))
                for epoch in (9, 3, 3, 9)]

    with daemon(news) as path:
        done = cekctl(path, ["watch", "--count", "3"])
    assert done.returncode == 0 and done.stdout == b"9\n3\n9\n", done  # a journal that was restored goes back


def test_as_much_as_a_frame_holds():
    """Lists of 60 KiB where an honest daemon has a few words."""
    def much(request):
        if request.WhichOneof("op") != "status":
            return answer(request)
        status = pb.StatusReply(ready=True, version="9" * 200, features=["f" * 50] * 1100)
        return framed(pb.Reply(id=request.id, status=pb.STATUS_OK, epoch=7, status_reply=status))

    with daemon(much) as path:
        each([lambda verb=verb: cekctl(path, *CALLS[verb]) for verb in ("status", "doctor", "doctor, key", "completion, algs")])
        assert cekctl(path, ["status", "--json"]).returncode == 0


def test_lists_that_do_not_get_on():
    """doctor and the hints ask for lists as well; test_pages.py has the verbs that show them."""
    def lists(request):
        op = request.WhichOneof("op")
        if op == "describe_key":
            return framed(pb.Reply(id=request.id, status=pb.STATUS_UNKNOWN_KEY))
        reply = pb.Reply.FromString(answer(request)[4:])
        if op == "list_keys":
            reply.list_keys.more = True
        elif op == "status":
            reply.status_reply.ready = True
        elif op == "explain":
            reply.explain.operations.append("unwrap")
        return framed(reply)

    with daemon(lists) as path:
        done = cekctl(path, ["doctor"])
        assert done.returncode and b"does not get on" in done.stdout, done
        assert cekctl(path, ["key", "show", "absnt"]).returncode == 3


SHELL = "x; touch /tmp/evil #"


@pytest.mark.parametrize("state", ["suspended", "waiting", "missing", "denied"])
def test_commands_that_are_copied(state):
    """A shell reads what doctor says to do next: nothing that cekd has said stands in it."""
    def reply(request):
        op = request.WhichOneof("op")
        if op == "generate_cek":
            return framed(pb.Reply(id=request.id, status=pb.STATUS_UNUSABLE))
        made = pb.Reply.FromString(answer(request)[4:])
        if op == "status":
            made.status_reply.CopyFrom(pb.StatusReply(ready=True, now=int(time.time() * 1000000), journal="ok", audit="ok",
                                                      worker=[pb.WorkerStatus(kind="use", state="ready")]))
        elif op == "explain":
            made.explain.operations.extend([] if state == "denied" else ["unwrap", "generate"])
            made.explain.listener = SHELL
        elif op == "describe_key":
            version = made.key.key.version[0]
            version.kid, version.missing, made.key.key.name = SHELL, state == "missing", SHELL
            version.state = {"suspended": pb.STATE_SUSPENDED, "waiting": pb.STATE_WAITING}.get(state, pb.STATE_ACTIVE)
        return framed(made)

    with daemon(reply) as path:
        done = cekctl(path, ["doctor", "--key", "absent"])
    following = done.stdout.decode().partition("\nnext: ")[2]
    assert "touch" not in following and "absent" in following, done
    assert {"suspended": "resume absent/1", "waiting": "keep absent/1", "missing": "fsck", "denied": "--listener LISTENER"}[
        state] in following, following
