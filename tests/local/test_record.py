"""Secrets, ports and the record of the local stack."""

import dataclasses
import json
import multiprocessing
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from infra.local import credentials
from infra.local.process import Process
from infra.local.record import Entry, Record, choose, exclusive, free


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_made_once_and_only_their_owner_may_read_them(tmp_path):
    first = credentials.load(tmp_path / "state")

    assert credentials.load(tmp_path / "state") == first
    assert mode(tmp_path / "state" / "secrets.json") == 0o600
    assert mode(tmp_path / "state") in (0o700, 0o711)
    assert len({first.his_app, first.his_owner, first.his_worker, first.postgres}) == 4
    assert first.his_app not in repr(first)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_left_alone(tmp_path):
    os.chown(tmp_path, 65534, 65534)

    with pytest.raises(PermissionError, match="belongs to user 65534"):
        credentials.prepare(tmp_path)


def test_a_secret_that_is_new_joins_the_ones_there_are(tmp_path):
    first = credentials.load(tmp_path)
    stored = json.loads((tmp_path / "secrets.json").read_text())
    del stored["keycloak_admin"]
    (tmp_path / "secrets.json").write_text(json.dumps(stored | {"of_another_release": "kept"}))

    second = credentials.load(tmp_path)

    assert second.his_app == first.his_app
    assert second.keycloak_admin != first.keycloak_admin
    assert json.loads((tmp_path / "secrets.json").read_text())["of_another_release"] == "kept"


def test_one_secret_is_replaced_and_no_other(tmp_path: Path) -> None:
    before = credentials.load(tmp_path)
    new = credentials.another(tmp_path, "his_app")
    after = credentials.load(tmp_path)
    assert after.his_app == new != before.his_app
    assert dataclasses.replace(after, his_app=before.his_app) == before
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def _load(state_dir: str) -> str:
    return credentials.load(Path(state_dir)).his_app


def test_processes_that_ask_at_once_get_the_same_secrets(tmp_path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(_load, [str(tmp_path)] * 8))) == 1


def test_a_replaced_file_was_never_readable_by_others(tmp_path):
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)

    credentials.write_private(path, "new")

    assert (path.read_text(), mode(path)) == ("new", 0o600)
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_a_port_is_the_wished_one_or_the_next_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wish = taken.getsockname()[1]
        assert not free(wish)
        chosen = choose(wish, [])
        assert chosen > wish
        assert choose(wish, [chosen]) > chosen

    assert free(wish)
    assert choose(wish, []) == wish
    assert choose(wish, [wish]) > wish


def test_a_port_that_another_listens_on_everywhere_is_taken():
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104  what a stranger may do
        taken.listen()
        assert not free(taken.getsockname()[1])


def test_no_port_left_is_said():
    with pytest.raises(OSError, match="no free port"):
        choose(65535, [65535])


def test_the_record_outlives_the_process_that_wrote_it(tmp_path):
    entry = Entry(Process(4711, "boot-1"), "recipe")
    Record(tmp_path).keep_ports({"postgres": 1, "host": 2})
    Record(tmp_path).keep("postgres", entry)

    assert Record(tmp_path).ports() == {"postgres": 1, "host": 2}
    assert Record(tmp_path).entry("postgres") == entry
    assert Record(tmp_path).entry("host") is None
    Record(tmp_path).forget("postgres")
    assert Record(tmp_path).entry("postgres") is None
    assert mode(tmp_path / "stack.json") == 0o600


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"ports": 1}', '{"ports": {}, "processes": null}'])
def test_a_damaged_record_counts_as_none(tmp_path, damage):
    (tmp_path / "stack.json").write_text(damage)

    assert Record(tmp_path).ports() == {}
    Record(tmp_path).keep_ports({"host": 3})
    assert Record(tmp_path).ports() == {"host": 3}


def test_threads_lose_no_entry_to_one_another(tmp_path):
    record = Record(tmp_path)
    threads = [
        threading.Thread(target=record.keep, args=(f"s{number}", Entry(Process(number, "x"), "")))
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(record.entry(f"s{number}") is not None for number in range(20))


def test_one_command_at_a_time_and_the_second_is_told_who_works(tmp_path):
    told: list[str] = []
    waiting = threading.Event()
    order: list[str] = []

    def second() -> None:
        with exclusive(tmp_path, lambda holder: (told.append(holder), waiting.set())):
            order.append("second")

    with exclusive(tmp_path, told.append):
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(10)
        order.append("first")
    thread.join(10)

    assert order == ["first", "second"]
    assert told == [str(os.getpid())]
