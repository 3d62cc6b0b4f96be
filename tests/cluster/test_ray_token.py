"""Ray's token is its owner's alone, from the first moment, whatever lay there before."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from lanewise.cluster.errors import ClusterError
from lanewise.cluster.ray_token import keep_token, readable_by_others, token_path


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o022, 0o000, 0o077])
def test_a_new_token_is_made_for_its_owner_alone(user: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        keep_token(create=True)
    finally:
        os.umask(before)
    path = user / ".ray" / "auth_token"
    assert path == token_path()
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert len(path.read_text()) == 64
    assert not readable_by_others(path)


def test_a_token_that_is_there_stays_what_it_is(user: Path) -> None:
    keep_token(create=True)
    first = token_path().read_text()
    keep_token(create=True)
    assert token_path().read_text() == first


@pytest.mark.parametrize(("file", "folder"), [(0o644, 0o755), (0o666, 0o777), (0o640, 0o700)])
@pytest.mark.parametrize("create", [True, False])
def test_a_token_that_others_could_read_is_taken_from_them(
    user: Path, file: int, folder: int, create: bool
) -> None:
    path = user / ".ray" / "auth_token"
    path.parent.mkdir()
    path.write_text("secret")
    path.chmod(file)
    path.parent.chmod(folder)
    keep_token(create=create)
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert path.read_text() == "secret"


def test_for_another_cluster_none_is_made(user: Path) -> None:
    keep_token(create=False)
    assert list(user.iterdir()) == []


@pytest.mark.parametrize("name", ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"])
def test_a_token_of_the_environment_is_left_alone(
    user: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "given")
    keep_token(create=True)
    assert list(user.iterdir()) == []


@pytest.mark.parametrize("what", ["file", "folder"])
def test_no_link_is_followed(user: Path, what: str) -> None:
    """It may lead to a file that is not to be changed, or to where others read."""
    elsewhere = user / "elsewhere"
    if what == "file":
        (user / ".ray").mkdir()
        elsewhere.write_text("mine")
        elsewhere.chmod(0o644)
        (user / ".ray" / "auth_token").symlink_to(elsewhere)
    else:
        elsewhere.mkdir(mode=0o755)
        (user / ".ray").symlink_to(elsewhere)
    before = mode(elsewhere)
    with pytest.raises(ClusterError, match=r"^ray: .*auth_token, .* is a link") as caught:
        keep_token(create=True)
    assert "RAY_AUTH_TOKEN_PATH" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert mode(elsewhere) == before
    assert elsewhere.is_file() or not list(elsewhere.iterdir())


def test_a_pipe_in_its_place_does_not_hang(user: Path) -> None:
    (user / ".ray").mkdir()
    os.mkfifo(user / ".ray" / "auth_token")
    with pytest.raises(ClusterError, match="is no file"):
        keep_token(create=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to give files away")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_belongs_to_another_user_is_refused(user: Path, what: str) -> None:
    """In a home that everybody may write to, such as /tmp."""
    (user / ".ray").mkdir()
    (user / ".ray" / "auth_token").write_text("theirs")
    os.chown(user / ".ray" / ("auth_token" if what == "file" else "."), 65534, 65534)
    with pytest.raises(ClusterError, match="belongs to another user"):
        keep_token(create=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to give files away")
def test_root_may_work_in_the_home_of_another(user: Path) -> None:
    """As in a container with a mounted home, or by sudo."""
    path = user / ".ray" / "auth_token"
    path.parent.mkdir()
    path.write_text("theirs")
    path.chmod(0o644)
    for each in (user, path.parent, path):
        os.chown(each, 65534, 65534)
    keep_token(create=True)
    assert (mode(path), path.read_text()) == (0o600, "theirs")


def test_those_that_start_at_once_have_one_token(user: Path) -> None:
    found = []

    def begin() -> None:
        keep_token(create=True)
        found.append(token_path().read_text())

    threads = [threading.Thread(target=begin) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len(set(found)) == 1
    assert len(found[0]) == 64
    assert [path.name for path in token_path().parent.iterdir()] == ["auth_token"]


def test_a_file_system_without_hard_links_will_do(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*names: str, **more: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    keep_token(create=True)
    assert mode(token_path()) == 0o600
    assert [path.name for path in token_path().parent.iterdir()] == ["auth_token"]
