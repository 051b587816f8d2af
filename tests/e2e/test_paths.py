# SPDX-License-Identifier: Apache-2.0
"""Paths that root acts on more than once: what another user can swap is not touched, and the start names the folder."""

import os
import shutil
import signal
import socket
import stat
import struct
import subprocess

import cekd as C
import pytest

pytestmark = pytest.mark.skipif(not C.ROOT, reason="needs root: folders of other users")


@pytest.fixture
def victim(tmp_path):
    """A file outside that must stay as it is."""
    path = tmp_path / "victim"
    path.write_text("secret")
    path.chmod(0o600)
    before = os.lstat(path)
    yield path
    after = os.lstat(path)
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert path.read_text() == "secret"


def listen_at(path, **options):
    return {"main": {"path": str(path), "mode": "0666", "owner": str(C.UID_ALICE), "group": str(C.UID_ALICE)} | options}


def refused(daemon):
    """Neither --check nor a start takes it; what the start says."""
    daemon.conf.write_text(daemon.config.text())
    checked = C.run([daemon.programs / "cekd", "-c", daemon.conf, "--check", "--programs", daemon.programs], check=False)
    assert checked.returncode == 1, checked.stderr
    code = daemon.spawn().process.wait(C.PATIENCE)
    daemon.process = None
    daemon.notify.close()
    assert code == 1, daemon.log_text()
    said = daemon.log_text()
    daemon.check_log()
    assert [line for line in checked.stderr.splitlines() if line in said.splitlines()], (checked.stderr, said)
    return said


def folder_for_everybody(where):
    where.chmod(0o777)
    return where, "has mode 0777"


def folder_with_sticky_bit(where):
    where.chmod(0o1777)
    return where, "has mode 1777"


def folder_for_a_group(where):
    where.chmod(0o770)
    return where, "has mode 0770"


def folder_of_another_user(where):
    os.chown(where, C.UID_BOB, C.UID_BOB)
    return where, f"belongs to uid {C.UID_BOB}"


def folder_of_the_listeners_owner(where):
    """He could put a link in the place of his socket."""
    os.chown(where, C.UID_ALICE, C.UID_ALICE)
    return where, f"belongs to uid {C.UID_ALICE}"


def folder_below_one_for_everybody(where):
    (where / "below").mkdir()
    where.chmod(0o777)
    return where / "below", f"{where} has mode 0777"


def folder_behind_a_link_of_another_user(where):
    (where / "real").mkdir()
    (where / "link").symlink_to("real")
    os.lchown(where / "link", C.UID_BOB, C.UID_BOB)
    return where / "link", f"{where}/link is a symbolic link"


FOLDERS = [folder_for_everybody, folder_with_sticky_bit, folder_for_a_group, folder_of_another_user,
           folder_of_the_listeners_owner, folder_below_one_for_everybody, folder_behind_a_link_of_another_user]


@pytest.fixture
def where():
    path = C.folder("cekd-paths-")
    yield path
    subprocess.run(["rm", "-rf", path], check=True)


@pytest.mark.parametrize("prepare", FOLDERS)
def test_listener_in_a_folder_that_others_can_change(make_cekd, where, victim, prepare):
    folder, reason = prepare(where)
    (folder / "x.sock").symlink_to(victim)
    said = refused(make_cekd(start=False, listeners=listen_at(folder / "x.sock")))
    assert str(where) in said and reason in said and 'listener "main"' in said


@pytest.mark.parametrize("prepare", FOLDERS)
def test_state_directory_that_others_can_change(make_cekd, where, prepare):
    folder, reason = prepare(where)
    daemon = make_cekd(start=False, state_directory=str(folder))
    assert reason in refused(daemon)
    assert not list(folder.glob("*.jsonl")) and not (folder / "lock").exists()


@pytest.mark.parametrize("prepare", FOLDERS)
def test_pin_file_in_a_folder_that_others_can_change(make_cekd, where, first_token, prepare):
    folder, reason = prepare(where)
    (folder / "pin").write_text(first_token.pin_file.read_text())
    (folder / "pin").chmod(0o400)
    said = refused(make_cekd(start=False, pin_file=str(folder / "pin")))
    assert reason in said and "pin-file" in said


@pytest.mark.parametrize("prepare", FOLDERS)
def test_module_in_a_folder_that_others_can_change(make_cekd, where, prepare):
    folder, reason = prepare(where)
    shutil.copyfile(C.MODULE, folder / "module.so")
    (folder / "module.so").chmod(0o644)
    said = refused(make_cekd(start=False, module=str(folder / "module.so")))
    assert reason in said and "module" in said


@pytest.mark.parametrize("uid, mode, reason", [(C.UID_BOB, 0o644, f"belongs to uid {C.UID_BOB}"), (0, 0o664, "mode 0664"),
                                               (0, 0o646, "mode 0646")])
def test_module_that_others_can_write(make_cekd, where, uid, mode, reason):
    shutil.copyfile(C.MODULE, where / "module.so")
    (where / "module.so").chmod(mode)
    os.chown(where / "module.so", uid, 0)
    said = refused(make_cekd(start=False, module=str(where / "module.so")))
    assert f"module {where}/module.so: " in said and reason in said


def test_module_behind_links(make_cekd, where):
    """As packages lay them: of root, in folders of root."""
    (where / "lib").mkdir()
    (where / "lib" / "link.so").symlink_to("../module.so")
    (where / "module.so").symlink_to(C.MODULE)
    daemon = make_cekd(module=str(where / "lib" / "link.so"))
    daemon.key("A128KW")
    daemon.stop()
    os.lchown(where / "module.so", C.UID_BOB, C.UID_BOB)
    assert f"{where}/lib/../module.so is a symbolic link of uid {C.UID_BOB}" in refused(daemon)


@pytest.mark.parametrize("prepare", FOLDERS)
def test_configuration_in_a_folder_that_others_can_change(make_cekd, where, prepare):
    """Read at a start, at a reload and by an heir."""
    folder, reason = prepare(where)
    daemon = make_cekd(start=False)
    daemon.conf = folder / "cekd.conf"
    assert reason in refused(daemon)


def test_configuration_behind_links(make_cekd, where):
    """As volumes of containers lay it."""
    (where / "data").mkdir()
    (where / "data" / "cekd.conf").touch()
    (where / "now").symlink_to("data")
    (where / "cekd.conf").symlink_to("now/cekd.conf")
    daemon = make_cekd(start=False)
    daemon.conf = where / "cekd.conf"
    daemon.start()
    daemon.stop()
    os.lchown(where / "cekd.conf", C.UID_BOB, C.UID_BOB)
    daemon.config.options["workers"] = 1
    assert f"{where}/cekd.conf is a symbolic link of uid {C.UID_BOB}" in refused(daemon)


def test_pin_file_that_is_a_link(make_cekd, where, first_token):
    (where / "pin").symlink_to(first_token.pin_file)
    assert "it is a symbolic link" in refused(make_cekd(start=False, pin_file=str(where / "pin")))


@pytest.mark.parametrize("kind", ["file", "socket", "nothing"])
def test_link_in_the_way_of_a_listener(make_cekd, where, victim, kind):
    """A link to the socket of a daemon that is gone is none."""
    target = {"file": victim, "socket": where / "other.sock", "nothing": where / "none"}[kind]
    if kind == "socket":
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            other.bind(str(target))
        target.chmod(0o600)
    (where / "x.sock").symlink_to(target)
    said = refused(make_cekd(start=False, listeners=listen_at(where / "x.sock")))
    assert f"{where}/x.sock: a symbolic link is in the way" in said
    assert os.readlink(where / "x.sock") == str(target)
    assert kind != "socket" or stat.S_IMODE(os.lstat(target).st_mode) == 0o600
    assert not (where / "none").exists()


@pytest.mark.parametrize("spelling", ["./x.sock", "/x.sock", "link/x.sock", "link/../below/x.sock"])
def test_one_file_for_two_listeners(make_cekd, where, spelling):
    """Both are named, by --check as well."""
    (where / "below").mkdir()
    (where / "below" / "link").symlink_to(".")
    listeners = {"one": {"path": f"{where}/below/x.sock"}, "other": {"path": f"{where}/below/y.sock"},
                 "two": {"path": f"{where}/below/{spelling}"}}
    said = refused(make_cekd(start=False, listeners=listeners))
    assert f'listener "two": {where}/below/{spelling} is the same file as that of listener "one", {where}/below/x.sock' in said
    assert not list((where / "below").glob("*.sock"))


def swap_for_link(path, victim):
    path.unlink()
    path.symlink_to(victim)


def swap_for_hard_link(path, victim):
    path.unlink()
    os.link(victim, path)


def swap_for_nothing(path, victim):
    path.unlink()


@pytest.mark.parametrize("swap", [swap_for_link, swap_for_hard_link, swap_for_nothing])
def test_socket_swapped_after_it_was_made(make_cekd, victim, swap):
    """What another one could not do any more root does here: still nothing else than the socket is touched."""
    path = victim.parent / "x.sock"
    daemon = make_cekd(start=False, page=True, listeners=listen_at(path))
    daemon.page.arm("listener-bound")
    daemon.spawn()
    assert C.wait_for(daemon.page.hit, "the socket to be made") == daemon.process.pid
    assert stat.S_ISSOCK(os.lstat(path).st_mode)
    swap(path, victim)
    daemon.page.disarm()
    code, daemon.process = daemon.process.wait(C.PATIENCE), None
    daemon.notify.close()
    assert code == 1
    assert f"{path}: something else was put in the place of the new socket" in daemon.log_text()
    assert os.path.lexists(path) == (swap is not swap_for_nothing)


def test_links_and_folders_of_root(make_cekd, where, first_token):
    """Like /var/run, which is a link to /run; and below /tmp, where all can write."""
    (where / "real" / "below").mkdir(parents=True)
    (where / "link").symlink_to("real")
    (where / "absolute").symlink_to(where / "link" / "below")
    (where / "real" / "pin").write_text(first_token.pin_file.read_text())
    (where / "real" / "pin").chmod(0o400)
    daemon = make_cekd(listeners=listen_at(where / "absolute" / "x.sock"), state_directory=str(where / "link" / "state"),
                       pin_file=str(where / "link" / "pin"))
    made = os.lstat(where / "real" / "below" / "x.sock")
    assert stat.S_ISSOCK(made.st_mode) and stat.S_IMODE(made.st_mode) == 0o666
    assert (made.st_uid, made.st_gid) == (C.UID_ALICE, C.UID_ALICE)
    assert (where / "real" / "state" / "keys.jsonl").is_file()
    daemon.stop()
    assert not (where / "real" / "below" / "x.sock").exists()


def test_mode_in_a_folder_with_a_default_acl(make_cekd, where):
    """Which is in force instead of the umask: user::rwx, user:bob:rwx, group::rwx, mask::rwx, other::rwx."""
    entries = ((1, 0xFFFFFFFF), (2, C.UID_BOB), (4, 0xFFFFFFFF), (0x10, 0xFFFFFFFF), (0x20, 0xFFFFFFFF))
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, 7, who) for tag, who in entries)
    try:
        os.setxattr(where, "system.posix_acl_default", acl)
    except OSError as error:
        pytest.skip(f"no ACLs here: {error}")
    make_cekd(listeners=listen_at(where / "x.sock", mode="0600", owner="root"))
    assert stat.S_IMODE(os.lstat(where / "x.sock").st_mode) == 0o600


def test_only_its_own_socket_is_removed(make_cekd):
    daemon = make_cekd()
    os.unlink(daemon.socket)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(daemon.socket)
        daemon.stop()
    assert stat.S_ISSOCK(os.lstat(daemon.socket).st_mode)


def test_second_signal_leaves_no_socket(make_cekd):
    """It comes while cekd cleans up after the first one."""
    daemon = make_cekd(page=True)
    daemon.page.arm("listeners-closing")
    daemon.process.send_signal(signal.SIGTERM)
    assert C.wait_for(daemon.page.hit, "the sockets to be closed") == daemon.process.pid
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        daemon.process.send_signal(number)
    daemon.page.disarm()
    daemon.stop()
    assert not os.path.lexists(daemon.socket)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_while_the_sockets_are_made(make_cekd, number):
    """Before anybody hears it: it is kept until then, and the socket file goes."""
    daemon = make_cekd(start=False, page=True)
    daemon.page.arm("listener-bound")
    daemon.spawn()
    assert C.wait_for(daemon.page.hit, "the socket to be made") == daemon.process.pid
    daemon.process.send_signal(number)
    daemon.page.disarm()
    code, daemon.process = daemon.process.wait(C.PATIENCE), None
    daemon.notify.close()
    assert code == 0, daemon.log_text()
    assert not os.path.lexists(daemon.socket)
    daemon.check_log()


@pytest.mark.parametrize("what", ["listener", "state"])
def test_folders_that_nobody_has_made(make_cekd, where, what):
    """A start makes neither: so it is said before, by --check as well."""
    daemon = make_cekd(start=False, listeners=listen_at(where / ("later" if what == "listener" else ".") / "x.sock"))
    if what == "state":
        daemon.config.options["state_directory"] = str(where / "later" / "state")
    said = refused(daemon)
    assert f"{where}/later" in said and "No such file" in said, said
    assert not (where / "later").exists()


@pytest.mark.skipif(os.path.exists("/run/cekd"), reason="there is a cekd here")
def test_check_before_the_unit_has_made_its_folder(make_cekd):
    daemon = make_cekd(start=False, listeners=listen_at("/run/cekd/cekd.sock"))
    daemon.conf.write_text(daemon.config.text())
    said = C.run([daemon.programs / "cekd", "-c", daemon.conf, "--check", "--programs", daemon.programs]).stdout
    assert "/run/cekd is not there: cekd.service makes it" in said, said


def test_slash_behind_the_state_directory(make_cekd, where):
    """It is there or not; a socket and the PIN file have none."""
    daemon = make_cekd(start=False)
    daemon.config.options["state_directory"] = f"{where}/new/"
    daemon.conf.write_text(daemon.config.text())
    C.run([daemon.programs / "cekd", "-c", daemon.conf, "--check", "--programs", daemon.programs])
    assert not (where / "new").exists()
    for _ in range(2):
        daemon.start()
        daemon.stop()
        assert (where / "new" / "keys.jsonl").is_file()


@pytest.mark.parametrize("kind", ["listener", "pin-file"])
def test_slash_behind_a_file(make_cekd, where, kind):
    path = f"{where}/new/"
    options = {"listeners": listen_at(path)} if kind == "listener" else {"pin_file": path}
    said = refused(make_cekd(start=False, **options))
    assert f"{path}: remove the / at its end" in said and kind in said


def test_check_by_somebody_who_may_not_look(make_cekd, where):
    """He may not be who starts cekd; in the folder itself or further above."""
    (where / "closed" / "below").mkdir(parents=True)
    (where / "closed").chmod(0o700)
    closed = where / "closed"
    for folder, state, words in ((closed / "below", closed / "below" / "state", f"{closed}/below: Permission denied"),
                                 (closed, closed / "state", "Permission denied")):
        daemon = make_cekd(start=False, listeners=listen_at(folder / "x.sock"), pin_file=str(folder / "pin"))
        daemon.config.options["state_directory"] = str(state)
        daemon.conf.write_text(daemon.config.text())
        command = [str(daemon.programs / "cekd"), "-c", str(daemon.conf), "--check", "--programs", str(daemon.programs)]

        def check():
            done = subprocess.run(command, capture_output=True, text=True)
            return [done.returncode, done.stderr]
        code, said = C.as_uid(C.UID_BOB, check)
        lines = [line for line in said.splitlines() if words in line]
        assert code == 0, said
        for what in (f'listener "main": {folder}/x.sock: ', f"pin-file {folder}/pin: ", f"state-directory {state}: "):
            assert any(f"cekd: {what}" in line for line in lines), (what, said)


def test_ordinary_user(make_cekd, where):
    """Folders of his own, or of root; not those of somebody else."""
    path = where / "own"
    path.mkdir()
    os.chown(path, C.UID_ALICE, C.UID_ALICE)
    (path / "pin").write_text("1234")
    os.chown(path / "pin", C.UID_ALICE, C.UID_ALICE)
    daemon = make_cekd(start=False, listeners={"main": {"path": str(path / "x.sock")}}, pin_file=str(path / "pin"))
    daemon.config.options["state_directory"] = str(path / "state")
    daemon.conf.write_text(daemon.config.text())
    for entry in [daemon.token.where, *daemon.token.where.rglob("*")]:
        os.chown(entry, C.UID_ALICE, C.UID_ALICE)
    command = [str(daemon.programs / "cekd"), "-c", str(daemon.conf), "--check", "--programs", str(daemon.programs)]

    def check():
        done = subprocess.run(command, capture_output=True, text=True)
        return [done.returncode, done.stderr]

    assert C.as_uid(C.UID_ALICE, check)[0] == 0
    code, said = C.as_uid(C.UID_BOB, check)
    assert code == 1 and f"{path} belongs to uid {C.UID_ALICE}" in said
