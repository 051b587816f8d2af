# SPDX-License-Identifier: Apache-2.0
"""cekctl policy: a file is read as cekd reads it, and what of it can hardly be meant is told; what is allowed by the file is
what the running cekd allows."""

import os
import signal

import cekd as C
import pytest
from cekd import pb, status_name
from test_cekctl_json import check

ROOT_UID = str(os.geteuid())
RULES = {"gateways": {"listeners": ["gateway"], "users": [str(C.UID_ALICE)], "keys": ["api-*", "tokens"],
                      "operations": ["unwrap", "generate", "public"]},
         "group": {"listeners": ["gateway"], "groups": [str(C.UID_BOB)], "keys": ["api-b"], "operations": ["unwrap"]},
         "all": {"anyone": True, "operations": ["public"], "keys": ["api-a"]},
         "operator": {"listeners": ["admin"], "users": [ROOT_UID], "keys": ["*"],
                      "operations": [op for op in C.OPERATIONS if op != "unwrap"]}}


@pytest.fixture(scope="module")
def shared(make_cekd_module):
    where = C.folder("cekd-sockets-")
    daemon = make_cekd_module(listeners={"admin": {"path": str(where / "admin.sock"), "mode": "0600"},
                                         "gateway": {"path": str(where / "gateway.sock"), "mode": "0666"}}, rules=RULES)
    for name in ("api-a", "api-b", "other"):
        daemon.key("A128KW", name=name)
    return daemon


def cekctl(*args, **kwargs):
    return C.run([C.CEKCTL, "policy", *args], check=False, **kwargs)


@pytest.fixture
def conf(tmp_path, first_token):
    """write(rules, listeners) → the path of a cekd.conf."""
    def write(rules, listeners=None, more=""):
        config = C.Config(tmp_path, first_token, rules=rules, listeners=listeners)
        path = tmp_path / "cekd.conf"
        path.write_text(config.text() + more)
        return path
    return write


def warnings(path):
    done = cekctl("check", path, "--json")
    assert done.returncode == 0, done.stderr
    return [(w.get("rule"), w["text"]) for w in check("policy_check", done.stdout)["warnings"]]


# ---- check ----------------------------------------------------------------------------------------------------------------


def test_summary(conf):
    rules = {"r": {"users": ["root"], "operations": ["unwrap", "public"], "keys": ["api-*", "t"]}}
    path = conf(rules)
    answer = check("policy_check", cekctl("check", path, "--json").stdout)
    assert answer["rules"] == [{"name": "r", "listeners": [], "users": ["root"], "groups": [], "anyone": False,
                                "operations": ["unwrap", "public"], "keys": ["api-*", "t"]}]
    assert answer["listeners"][0]["name"] == "main" and answer["listeners"][0]["mode"] == "0666" and answer["warnings"] == []
    lines = cekctl("check", path).stdout.splitlines()
    assert [line.split(":", 1)[1].strip() for line in lines if line.startswith(("rule", "  "))] == [
        "r", "every listener", "root", "unwrap public", "api-*, t"]
    assert lines[-1] == f"{path}: cekd takes it; 0 warnings"


def test_error_has_a_line(conf):
    """The same text as cekd's."""
    path = conf({"r": {"anyone": True, "operations": ["unwrap"], "keys": ["*"]}}, more="wokers = 2\n")
    line = len(path.read_text().splitlines())
    said = C.run([C.default_programs() / "cekd", "-c", path, "--check"], check=False).stderr
    done = cekctl("check", path)
    assert done.returncode == 1 and f"{path}:{line}: " in done.stderr and done.stdout == ""
    assert done.stderr.split("check: ", 1)[1].strip() in said
    error = check("error", cekctl("check", path, "--json").stdout)["error"]
    assert error["exit"] == 1 and f"{path}:{line}: " in error["message"]


@pytest.mark.parametrize("rule, words", [({"users": ["no-such-user"]}, "does not exist here"),
                                         ({"listeners": ["nowhere"], "anyone": True}, "is no listener of this file"),
                                         ({"anyone": True, "operations": ["unwarp"]}, "is no operation")])
def test_what_cekd_refuses(conf, rule, words):
    done = cekctl("check", conf({"r": {"operations": ["unwrap"], "keys": ["*"]} | rule}))
    assert done.returncode == 1 and words in done.stderr and 'rule "r"' in done.stderr, done.stderr


def test_missing_file(tmp_path):
    done = cekctl("check", tmp_path / "none")
    assert done.returncode == 1 and "none: No such file or directory" in done.stderr
    assert cekctl("check").returncode == 2 and cekctl("check", "a", "b").returncode == 2


@pytest.mark.parametrize("rule, words", [
    ({"users": ["4999"]}, "users: no user here has the number 4999"),
    ({"groups": ["4998"]}, "groups: no group here has the number 4998"),
    ({"users": ["65534"]}, "users: uid 65534 stands for users that are not mapped here, and never matches"),
    ({"anyone": True, "users": ["root"]}, "anyone = true: the users and groups beside it add nothing"),
    ({"anyone": True, "keys": ["api/*"]}, 'keys: "api/*" matches no name that a key can have'),
    ({"anyone": True, "keys": [".hidden"]}, 'keys: ".hidden" matches no name'),
    ({"anyone": True, "keys": ["api-*", "api-x"]}, 'keys: "api-x" adds nothing to "api-*"'),
    ({"anyone": True, "keys": ["x", "x"]}, 'keys: "x" adds nothing to "x"'),
    ({"anyone": True, "keys": None}, "it names no keys: operations on keys are granted on none"),
], ids=lambda value: value if isinstance(value, str) else None)
def test_what_can_hardly_be_meant(conf, rule, words):
    found = warnings(conf({"r": {"operations": ["unwrap"], "keys": ["*"]} | rule}))
    assert len(found) == 1 and found[0][0] == "r" and words in found[0][1], found


@pytest.mark.parametrize("keys", [["api-[ab]*", "a\\\\*"], ["*"], ["a?c", "abd"]], ids=str)
def test_patterns_that_may_match(conf, keys):
    rules = {"r": {"users": ["root"], "operations": ["unwrap"], "keys": [key for key in keys]}}
    path = conf(rules)
    assert warnings(path) == []


def test_rules_that_others_cover(conf):
    wide = {"anyone": True, "operations": ["unwrap", "public"], "keys": ["api-*"]}
    narrow = {"users": ["root"], "operations": ["unwrap"], "keys": ["api-x"]}
    said = 'it grants nothing that rule "wide" does not'
    assert warnings(conf({"wide": wide, "narrow": narrow})) == [("narrow", said)]
    assert warnings(conf({"narrow": narrow, "wide": wide})) == [("narrow", said)]
    assert warnings(conf({"wide": wide, "same": wide})) == [("same", said)]
    for change in ({"operations": ["wrap"]}, {"keys": ["api-x", "other"]}, {"keys": ["api-?x"]}):
        assert warnings(conf({"wide": wide, "narrow": narrow | change})) == [], change
    here = {"listeners": ["main"]}
    assert warnings(conf({"wide": wide | here, "narrow": narrow})) == []
    assert warnings(conf({"wide": wide, "narrow": narrow | here})) == [("narrow", said)]


def test_listener_that_nobody_may_use(conf, tmp_path):
    listeners = {"main": {"path": str(tmp_path / "a"), "mode": "0666"}, "spare": {"path": str(tmp_path / "b"), "mode": "0666"}}
    rule = {"listeners": ["main"], "users": ["root"], "operations": ["unwrap"], "keys": ["*"]}
    assert warnings(conf({"r": rule}, listeners)) == [(None, 'no rule speaks of listener "spare": nobody may do anything there')]
    assert warnings(conf({}, listeners)) == [(None, "there are no rules: nobody may do anything")]


def test_socket_that_the_user_cannot_open(conf, tmp_path):
    """daemon is an account of every Debian."""
    rule = {"users": ["daemon"], "operations": ["unwrap"], "keys": ["*"]}
    for options, warned in (({"mode": "0600"}, True), ({"mode": "0660"}, True), ({"mode": "0666"}, False),
                            ({"mode": "0660", "group": "daemon"}, False), ({"mode": "0600", "owner": "daemon"}, False),
                            ({"mode": "0606", "group": "daemon"}, True)):
        found = warnings(conf({"r": rule}, {"main": {"path": str(tmp_path / "s")} | options}))
        assert bool(found) == warned, (options, found)
        assert not found or "can open none of the rule's sockets" in found[0][1]


# ---- explain --------------------------------------------------------------------------------------------------------------


def explain(*args, env=None):
    done = cekctl("explain", *args, "--json", env=env)
    answer = check("policy_explain", done.stdout)
    assert done.returncode == (0 if answer["allowed"] else 4), done.stderr
    return answer


@pytest.mark.parametrize("user", [C.UID_ALICE, C.UID_BOB, 64099, 0])
@pytest.mark.parametrize("operation", ["unwrap", "generate", "public", "status", "destroy", ""])
@pytest.mark.parametrize("key", ["api-a", "api-b", "other", ""])
def test_file_and_cekd_say_the_same(shared, user, operation, key):
    """At each listener, word for word."""
    env = os.environ | {"CEK_SOCKET": shared.socket}
    for listener in ("admin", "gateway"):
        args = [f"--user={user}", f"--listener={listener}", *([f"--operation={operation}"] if operation else []),
                *([f"--key={key}"] if key else [])]
        of_file = explain(*args, shared.conf)
        of_cekd = explain(*args, env=env)
        # What either alone knows stands behind it: which keys there are, and who may open the socket.
        of_cekd["why"], of_file["why"] = (answer["why"].split("; it is allowed, but ")[0].split("; but uid ")[0]
                                          for answer in (of_cekd, of_file))
        assert of_cekd == of_file | {k: v for k, v in of_cekd.items() if k == "error"}


@pytest.mark.skipif(not C.ROOT, reason="only root can become other users")
@pytest.mark.parametrize("uid", [C.UID_ALICE, C.UID_BOB, 64099])
def test_what_is_said_is_what_is_done(shared, uid):
    """The decision of a real request."""
    with shared.client("admin") as client:
        made = {key: client.generate(key) for key in ("api-a", "api-b", "other")}
    for key, wrapped in made.items():
        said = explain(f"--user={uid}", "--operation=unwrap", f"--key={key}", "--listener=gateway", shared.conf)

        def unwrap(wrapped=wrapped):
            with shared.client("gateway") as client:
                return status_name(client.unwrap(wrapped))
        assert (C.as_uid(uid, unwrap) == "OK") == said["allowed"], (key, said)


def test_what_is_missing(shared):
    def why(*args):
        answer = explain(*args, shared.conf)
        return answer["allowed"], answer.get("rule"), answer["why"]
    alice = f"--user={C.UID_ALICE}"
    assert why(alice, "--operation=unwrap", "--key=api-z", "--listener=gateway") == (True, "gateways", 'rule "gateways" allows it')
    for args, rule, words in (((f"--user={C.UID_BOB + 50}", "--operation=unwrap", "--key=api-b"), "gateways", "is among them"),
                              ((alice, "--operation=unwrap", "--key=other", "--listener=gateway"), "gateways", "on the keys api-*, tokens"),
                              ((alice, "--operation=wrap", "--key=tokens", "--listener=gateway"), "gateways", "but not the operation wrap"),
                              ((alice, "--operation=unwrap", "--key=tokens", "--listener=admin"), "gateways", "at other listeners")):
        allowed, found, text = why(*args)
        assert not allowed and words in text and found == rule, (args, found, text)


def test_listener_of_a_file_is_found(shared):
    """The one where it is allowed."""
    answer = explain(f"--user={C.UID_ALICE}", "--operation=unwrap", "--key=api-a", shared.conf)
    assert answer["allowed"] and answer["listener"] == "gateway"


def test_allowed_but_the_socket_is_closed(conf, tmp_path):
    path = conf({"r": {"users": ["daemon"], "operations": ["unwrap"], "keys": ["*"]}},
                {"main": {"path": str(tmp_path / "s"), "mode": "0600"}})
    answer = explain("--user=daemon", "--operation=unwrap", "--key=k", path)
    assert answer["allowed"] and f"may not open {tmp_path}/s (mode 0600)" in answer["why"]


def test_text(shared):
    done = shared.cekctl("policy", "explain", f"--user={C.UID_ALICE}", "--operation", "unwrap", "--key", "api-a", shared.conf)
    assert done.stdout.splitlines() == [f"allowed: uid {C.UID_ALICE} at listener gateway, unwrap on key api-a",
                                        'why:              rule "gateways" allows it',
                                        "may on it:        unwrap generate public"]
    done = shared.cekctl("policy", "explain", f"--user={C.UID_ALICE}", "--operation", "destroy", "--key", "api-a", shared.conf,
                         check=False)
    assert done.returncode == 4 and done.stdout.startswith("not allowed: ")
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("cekctl: policy explain: DENIED: "), done.stderr


def test_about_oneself(shared):
    """Without --user; from the running cekd, which gives the listener that was asked."""
    answer = explain("--operation=status", env=os.environ | {"CEK_SOCKET": shared.socket})
    assert answer["allowed"] and answer["uid"] == os.geteuid() and answer["listener"] == "admin"


@pytest.mark.skipif(not C.ROOT, reason="only root can become other users")
def test_others_are_for_operators(shared):
    path = shared.config.listeners["gateway"]["path"]

    def ask(user):
        done = C.run([C.CEKCTL, "--socket", path, "policy", "explain", "--user", user, "--operation", "unwrap", "--key", "api-a"],
                     check=False)
        return [done.returncode, done.stdout, done.stderr]
    code, out, _ = C.as_uid(C.UID_ALICE, lambda: ask(str(C.UID_ALICE)))
    assert code == 0 and out.startswith("allowed: ") and "gateways" not in out
    code, out, err = C.as_uid(C.UID_ALICE, lambda: ask(str(C.UID_BOB)))
    assert code == 4 and out == "" and "others: only who may do fsck" in err, err


@pytest.mark.parametrize("args", [["--operation", "unwarp"], ["--key", "no/name"], ["--listener", "nowhere"]], ids=lambda a: a[0])
def test_bad_questions(shared, args):
    done = cekctl("explain", *args, shared.conf)
    assert done.returncode == 2 and args[1] in done.stderr and done.stdout == "", done.stderr
    assert done.stderr.endswith("; did you mean unwrap?\n") == (args[0] == "--operation"), done.stderr
    done = shared.cekctl("policy", "explain", *args, check=False)
    assert done.returncode == 1 and "MALFORMED" in done.stderr, done.stderr


def test_unknown_user(shared):
    done = cekctl("explain", "--user", "no-such-user", shared.conf)
    assert done.returncode == 1 and 'no user "no-such-user" here' in done.stderr


def test_new_rules_before_and_after_a_reload(make_cekd):
    """The file tells what would be, cekd what is."""
    daemon = make_cekd()
    question = [f"--user={C.UID_ALICE}", "--operation=unwrap", "--key=k"]
    env = os.environ | {"CEK_SOCKET": daemon.socket}
    daemon.config.rules = {"ops": {"users": [ROOT_UID], "operations": ["*"], "keys": ["*"]}}
    daemon.conf.write_text(daemon.config.text())
    assert explain(*question, env=env)["allowed"] and not explain(*question, daemon.conf)["allowed"]
    daemon.process.send_signal(signal.SIGHUP)
    C.wait_for(lambda: not explain(*question, env=env)["allowed"], "the reload")
    with daemon.client() as client:
        assert client.ok(status=pb.StatusRequest()).status_reply.ready
