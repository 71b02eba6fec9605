"""The layers of the house: who may import whom."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "movoice_box"

LEAVES = {"errors", "ids", "clock"}
MIDDLE = LEAVES | {"domain", "settings", "log"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "clock": set(),
    "ids": {"clock"},
    "log": set(),
    "notify": set(),
    "domain": {"domain", "errors", "ids"},
    "settings": {"domain", "errors"},
    "store": MIDDLE | {"store"},
    "sip": MIDDLE | {"sip"},
    "rtp": MIDDLE | {"rtp"},
    "voice": MIDDLE | {"voice"},
    "dialer": MIDDLE | {"dialer", "store", "sip", "rtp", "voice"},
    "simulator": MIDDLE | {"simulator", "sip", "rtp", "voice"},
    "web": MIDDLE | {"web", "dialer", "store"},
    "app": MIDDLE | {"notify", "web", "dialer", "store", "sip", "rtp", "voice"},
    "bench": MIDDLE | {"bench", "app", "dialer", "store", "sip", "rtp", "voice"},
    "doctor": MIDDLE | {"doctor", "sip", "rtp"},
    "cli": MIDDLE | {"commands"},
    "commands": MIDDLE
    | {"commands", "app", "bench", "doctor", "simulator", "dialer", "store", "sip", "rtp", "voice"},
    "__main__": {"cli"},
    "__init__": set(),
}


def _imports(file: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            modules.add(node.module or "")
        elif isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
    return {module.split(".")[1] for module in modules if module.startswith("movoice_box.")}


@pytest.mark.parametrize(
    "file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE))
)
def test_a_module_imports_only_layers_below_it(file: Path) -> None:
    layer = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert _imports(file) <= ALLOWED[layer]
