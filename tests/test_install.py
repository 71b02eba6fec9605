"""What `install.sh` relies on: itself, the locks, the unit and the wheel it builds."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
LOCKS = ["requirements.lock", "requirements-test.lock"]
UNIT = ROOT / "systemd" / "movoice-box.service"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NOBODY = 65_534


def _program(name: str, package: str) -> str:
    if (path := shutil.which(name)) is None:
        pytest.fail(f"{name} is missing: apt install {package}")
    return path


def _pinned(lock: str) -> dict[str, set[str]]:
    """The versions that `lock` allows of each package, by normalized name."""
    versions: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), re.M):
        versions.setdefault(name, set()).add(version)
    return versions


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_scripts_pass_shellcheck() -> None:
    shellcheck = _program("shellcheck", "shellcheck")
    assert _run(shellcheck, ROOT / "install.sh", ROOT / ".ci" / "run").stdout == ""


@pytest.mark.parametrize("arguments", [["--frob"], ["demo"], ["--uninstall", "now"]])
def test_an_unknown_argument_prints_the_usage(arguments: list[str]) -> None:
    run = _run(ROOT / "install.sh", *arguments)
    assert run.returncode == 2
    assert f"unknown argument: {arguments[-1]}" in run.stderr
    assert "usage: ./install.sh --demo" in run.stderr


def test_help_is_not_an_error() -> None:
    assert _run(ROOT / "install.sh", "--help").stdout.startswith("usage: ./install.sh --demo")


@pytest.fixture
def as_ordinary_user() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run the script as a user who has Python and apt, but neither sudo nor any package."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(ROOT / "install.sh", folder)
        for program in ("bash", "env", "dirname", "readlink", "apt-get"):
            (folder / program).symlink_to(_program(program, "bash coreutils apt"))
        (folder / "python3").symlink_to(sys.executable)

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [folder / "install.sh", *arguments],
                env={"PATH": name},
                user=NOBODY if os.geteuid() == 0 else None,
                capture_output=True,
                text=True,
                check=False,
            )

        yield run


def test_what_an_ordinary_user_cannot_install_is_said_exactly(
    as_ordinary_user: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    run = as_ordinary_user("--demo", "--once")
    assert run.returncode == 1
    assert re.search(
        r"As root: apt-get update && apt-get install -y --no-install-recommends "
        r"(python3\.\d+-venv )?libespeak-ng1 espeak-ng-data tzdata\n"
        r"then: ./install\.sh --demo --once\n",
        run.stderr,
    )


@pytest.mark.parametrize("arguments", [[], ["--uninstall"]])
def test_the_service_is_for_root_to_install(
    arguments: list[str], as_ordinary_user: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    run = as_ordinary_user(*arguments)
    assert run.returncode == 1
    assert f"this needs root: sudo {' '.join(['./install.sh', *arguments])}\n" in run.stderr


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.M)[1:]
    assert len(blocks) > 20
    assert [block for block in blocks if " --hash=sha256:" not in block] == []
    assert "://" not in text
    assert "index-url" not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_holds_what_the_project_asks_for(lock: str) -> None:
    wanted = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["build"]
    if lock == "requirements-test.lock":
        wanted = wanted + PROJECT["project"]["optional-dependencies"]["test"]
    pinned = _pinned(lock)
    missing = [
        text
        for text in wanted
        for need in [Requirement(text)]
        if not all(map(need.specifier.contains, pinned.get(need.name.lower(), {""})))
    ]
    assert missing == [], "remake the locks with the commands in their first lines"


def test_tests_run_on_the_versions_that_are_installed() -> None:
    installed, tested = map(_pinned, LOCKS)
    assert installed == {name: tested[name] for name in installed}


def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    analyze = _program("systemd-analyze", "systemd")
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text()))
    verified = _run(analyze, "verify", unit)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_unit_keeps_its_exposure_at_2_or_below() -> None:
    analyze = _program("systemd-analyze", "systemd")
    judged = _run(analyze, "security", "--offline=true", "--threshold=20", UNIT)
    assert judged.returncode == 0, judged.stdout[-200:]


def test_the_unit_starts_what_the_installer_installs() -> None:
    script = (ROOT / "install.sh").read_text()
    paths = dict(re.findall(r"^readonly ([A-Z]+)=(\S+)$", script, re.M))
    assert (
        f"ExecStart={paths['OPT']}/current/bin/movoice-box serve --config {paths['CONFIG']}\n"
        in UNIT.read_text()
    )
    assert f"WorkingDirectory={paths['DATA']}\n" in UNIT.read_text()


def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("movoice_box", "config"):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    options = ("--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", tmp_path)

    building = _run(sys.executable, "-m", "pip", "wheel", *options, source)

    assert building.returncode == 0, building.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        built = wheel.namelist()

    files = [file for file in (source / "movoice_box").rglob("*") if file.is_file()]
    package = {str(file.relative_to(source)) for file in files}
    assert package <= set(built)
    agents = {file.name for file in (ROOT / "config" / "agents").glob("*.yaml")}
    shipped = {Path(name).name for name in built if "/share/movoice-box/agents/" in name}
    assert shipped == agents
