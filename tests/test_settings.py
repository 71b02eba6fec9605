"""Boot settings: the shipped file says what the code does, and mistakes are named."""

import itertools
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from movoice_box.errors import SettingsError
from movoice_box.settings import Settings, load_settings

SHIPPED = Path(__file__).parent.parent / "config" / "movoice-box.toml"


def _names(settings: Any, path: str = "") -> list[str]:
    """Every setting below `settings`, dotted."""
    names = []
    for item in fields(settings):
        value = getattr(settings, item.name)
        nested = is_dataclass(value)
        names += _names(value, f"{path}{item.name}.") if nested else [f"{path}{item.name}"]
    return names


def _names_in(table: dict[str, Any], path: str = "") -> list[str]:
    names = []
    for name, value in table.items():
        nested = isinstance(value, dict)
        names += _names_in(value, f"{path}{name}.") if nested else [f"{path}{name}"]
    return names


def test_the_shipped_file_has_every_setting_with_its_default() -> None:
    assert load_settings(SHIPPED) == Settings()
    assert _names_in(tomllib.loads(SHIPPED.read_text(encoding="utf-8"))) == _names(Settings())


def test_every_setting_of_the_shipped_file_is_explained_above_it() -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    explained = [
        line
        for before, line in itertools.pairwise(lines)
        if "=" in line and not line.startswith("#") and before.startswith("#")
    ]
    assert len(explained) == len(_names(Settings()))


def test_without_a_file_every_default_holds() -> None:
    assert load_settings(None) == Settings()


def test_the_data_folder_of_the_command_line_wins(tmp_path: Path) -> None:
    assert load_settings(SHIPPED, data_dir=tmp_path).recordings == tmp_path / "recordings"


def test_an_empty_file_is_every_default(tmp_path: Path) -> None:
    assert load_settings(_file(tmp_path, "")) == Settings()


def test_networks_are_read_as_networks(tmp_path: Path) -> None:
    settings = load_settings(_file(tmp_path, '[webhooks]\nallow_networks = ["127.0.0.0/8"]'))
    assert [str(network) for network in settings.allowed_networks] == ["127.0.0.0/8"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('plan = "gold"', "plan ('gold') must be one of starter, growth, business, enterprise"),
        ('default_country = "India"', "default_country ('India') must be two letters"),
        ('timezone = "IST+5"', "timezone ('IST+5') must be a zone name such as Asia/Kolkata"),
        ("plan = 3", "plan (3) must be str"),
        ("web = 8080", "web must be a table: [web]"),
        ('[web]\nlisten = "8080"', "web.listen ('8080') must be ADDRESS:PORT"),
        (
            '[web]\nlisten = "127.0.0.1:65536"',
            "web.listen ('127.0.0.1:65536') must be ADDRESS:PORT",
        ),
        ('[sip]\nlisten = "gateway:5060"', "sip.listen ('gateway:5060') must be ADDRESS:PORT"),
        ("[rtp]\nport_min = 20001", "rtp.port_min (20001) must be even"),
        ("[rtp]\nport_min = true", "rtp.port_min (True) must be int"),
        ("[rtp]\nport_max = 70000", "below rtp.port_max (70000)"),
        ('[webhooks]\nallow_networks = ["lan"]', "webhooks.allow_networks: 'lan'"),
        ('[webhooks]\nallow_networks = "10.0.0.0/8"', "must be list"),
        ('[log]\nlevel = "debug"', "log.level ('debug') must be one of DEBUG, INFO"),
        ("[log]\ncolour = true", "log.colour is not a setting; known: level"),
        ("plan = ", "is not TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, text: str, complaint: str) -> None:
    file = _file(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert complaint in caught.value.message
    assert str(file) in caught.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read .*missing\.toml: No such file"):
        load_settings(tmp_path / "missing.toml")


def _file(folder: Path, text: str) -> Path:
    file = folder / "movoice-box.toml"
    file.write_text(text, encoding="utf-8")
    return file
