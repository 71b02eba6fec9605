from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from movoice_box.errors import SettingsError
from movoice_box.store.sealing import Seal


def test_a_secret_opens_for_its_place_alone(tmp_path: Path) -> None:
    seal = Seal.from_files(tmp_path)
    sealed = seal.close("upw", "trunk_1")
    assert b"upw" not in sealed
    assert seal.open(sealed, "trunk_1") == "upw"
    with pytest.raises(SettingsError, match="trunk_2"):
        seal.open(sealed, "trunk_2")


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    sealed = Seal.from_files(tmp_path).close("upw", "trunk_1")
    assert Seal.from_files(tmp_path).open(sealed, "trunk_1") == "upw"
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_key_of_the_wrong_size_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_bytes(b"short")
    with pytest.raises(SettingsError, match=r"secret\.key must hold 32"):
        Seal.from_files(tmp_path)


def test_two_who_make_the_key_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        seals = list(threads.map(Seal.from_files, [tmp_path] * 8))
    assert {one.open(seals[0].close("upw", "trunk_1"), "trunk_1") for one in seals} == {"upw"}
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]
