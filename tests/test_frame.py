"""The project's frame: rooms, lock files, Makefile, image, compose file and documents say what the code says."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from lastseen import lifecycle
from lastseen.settings import Settings
from pipeline import cli, help_panels
from storage import alerts

ROOT = Path(__file__).parent.parent
ROOMS = {"lastseen", "extractors", "matchers", "storage", "pipeline", "dags", "review"}
BESIDE_THE_ROOMS = {"tests", "docs", "deploy", ".ci"}
GIT, MAKE = shutil.which("git") or "git", shutil.which("make") or "make"
SECRET = re.compile(r"PASSWORD|SECRET|KEY|DATABASE_(OWNER_)?URL|SQL_ALCHEMY_CONN|BROKER_URL|RESULT_BACKEND")


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Every file that belongs to the project."""
    command = [GIT, "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    return [Path(name) for name in listed if name and (ROOT / name).exists()]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads(_read("pyproject.toml"))


# --- rooms -------------------------------------------------------------------------------------------------


def test_the_folders_on_disk_are_the_rooms_we_know(tracked: list[Path]) -> None:
    assert {path.parts[0] for path in tracked if len(path.parts) > 1} == ROOMS | BESIDE_THE_ROOMS


def test_every_tool_knows_every_room(project: Mapping[str, Any]) -> None:
    tool = project["tool"]
    assert set(tool["importlinter"]["root_packages"]) == ROOMS
    assert set(tool["mypy"]["packages"]) == ROOMS | {"tests"}
    assert {name.removesuffix("*") for name in tool["setuptools"]["packages"]["find"]["include"]} == ROOMS
    assert set(re.findall(r"^COPY (\w+) \1$", _read("Dockerfile"), re.MULTILINE)) == ROOMS


def test_every_folder_with_code_is_a_package(tracked: list[Path]) -> None:
    folders = {path.parent for path in tracked if path.suffix == ".py" and path.parts[0] in ROOMS | {"tests"}}
    assert sorted(str(folder) for folder in folders if not (ROOT / folder / "__init__.py").exists()) == []


def test_every_file_that_is_not_code_is_installed_too(tracked: list[Path], project: Mapping[str, Any]) -> None:
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    others = [path for path in tracked if path.parts[0] in ROOMS and path.suffix != ".py"]
    assert [str(path) for path in others if not any(path.match(pattern) for pattern in patterns)] == []


# --- lock files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_file_pins_and_hashes_everything_and_names_no_host(name: str) -> None:
    text = _read(name)
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links|\bfile:| @ ", text) == []
    requirements = re.sub(r"#.*", "", text.replace("\\\n", " ")).splitlines()
    for line in filter(str.strip, requirements):
        assert re.match(r"[a-z0-9._-]+==[^ ;]+( ;[^\\]*?)? +--hash=sha256:[0-9a-f]{64}", line), line


def test_both_lock_files_pin_the_same_versions() -> None:
    used, developed = (set(_pins(name)) for name in ("requirements.lock", "requirements-dev.lock"))
    assert used <= developed


def test_every_direct_dependency_is_locked(project: Mapping[str, Any]) -> None:
    locked = {pin.partition("==")[0] for pin in _pins("requirements.lock")}
    assert {_plain(name) for name in _direct(project)} <= locked


# --- Makefile and image ------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["help", "install", "demo", "up", "test", "lint", "lock", "clean"])
def test_make_has_the_target_and_tells_of_it(target: str) -> None:
    listed = subprocess.run([MAKE, "-C", str(ROOT), "help"], capture_output=True, text=True, check=True).stdout
    assert re.search(rf"^make {target} +\w", listed, re.MULTILINE)


def test_make_asks_for_a_suitable_python_when_there_is_none(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path)
    command = [MAKE, "-C", str(tmp_path), "install", "PYTHON=no-such-python"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tried.returncode != 0
    assert "needs Python 3.11, 3.12 or 3.13" in tried.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_image_and_the_makefile_use_one_uv() -> None:
    made = re.search(r"UV_VERSION := (\S+)", _read("Makefile"))
    built = re.search(r"UV_VERSION=(\S+)", _read("Dockerfile"))
    assert made and built and made[1] == built[1]


def test_the_image_gets_only_what_it_is_made_of() -> None:
    lines = [line for line in _read(".dockerignore").splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    copied = set(re.findall(r"^COPY ((?!--)[\w. -]+) [\w./]+$", _read("Dockerfile"), re.MULTILINE))
    files = {name for names in copied for name in names.split()}
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == files


def test_the_image_runs_as_nobody_special_and_demands_the_sandbox() -> None:
    text = _read("Dockerfile")
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    assert "LASTSEEN_SANDBOX=required" in text
    assert re.search(r"install .*\bbubblewrap\b", text)


# --- .env.example ------------------------------------------------------------------------------------------


def test_the_example_names_only_settings_that_exist() -> None:
    assert {name for name in _example() if name.startswith("LASTSEEN_")} <= _settings() | _compose_variables()


def test_the_example_holds_every_variable_of_compose_and_no_secret() -> None:
    example = _example()
    assert _compose_variables() <= set(example)
    assert {
        name for name, value in example.items() if SECRET.search(name) and value and "PASSWORD@" not in value
    } == set()


def test_the_documents_tell_of_every_name_in_the_example() -> None:
    told = _read("docs/install.md") + _read("docs/operate.md") + _read("docs/monitoring.md")
    assert [name for name in _example() if f"`{name}`" not in told] == []


def test_the_examples_defaults_are_the_defaults() -> None:
    marker = "has a default that can stay"
    shown = dict(re.findall(r"^#LASTSEEN_(\w+)=(.+)$", _read(".env.example").partition(marker)[2], re.MULTILINE))
    for name, value in shown.items():
        if name != "SANDBOX":  # shown as production wants it
            assert _spelt(Settings.model_fields[name.lower()].default) == value, name


# --- documents ---------------------------------------------------------------------------------------------


def test_the_diagrams_are_those_of_the_tables() -> None:
    between = _read("docs/architecture.md").partition("<!-- lifecycle -->\n")[2].partition("\n<!-- /lifecycle -->")[0]
    assert between == lifecycle.chapter(), "paste what `python -m lastseen.lifecycle` prints"


def test_the_diagrams_can_be_printed() -> None:
    command = [sys.executable, "-m", "lastseen.lifecycle"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert printed == lifecycle.chapter() + "\n"


def test_the_architecture_gives_a_reason_for_each_direct_dependency(project: Mapping[str, Any]) -> None:
    chapter = _read("docs/architecture.md").partition("\n## Dependencies\n")[2]
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", chapter, re.MULTILINE)
    told = {_plain(name): why for name, _, why in rows}
    grouped = [entry for group in project["dependency-groups"].values() for entry in group if isinstance(entry, str)]
    assert set(told) == {_plain(name) for name in (*_direct(project), *map(_name, grouped), "uv")}
    assert all(len(why.split()) >= 4 for why in told.values())


def test_the_architecture_names_every_room() -> None:
    text = _read("docs/architecture.md")
    assert [room for room in ROOMS if f"`{room}/`" not in text] == []


def test_the_page_of_commands_names_each_of_them() -> None:
    told = set(re.findall(r"^\| `lastseen ([a-z -]+)` \|", _read("docs/commands.md"), re.MULTILINE))
    assert told == set(_commands(get_command(cli.app)))


def test_each_command_that_the_documents_show_exists_with_its_options() -> None:
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("dags/*.py"), *ROOT.glob("deploy/**/*.y*ml")]
    shown = [
        (str(page.relative_to(ROOT)), command)
        for page in pages
        for command in re.findall(r"(?m)(?:^ *|`)(lastseen [a-z][^`|>#\n]*)", page.read_text(encoding="utf-8"))
    ]
    assert len(shown) > 300
    every = get_command(cli.app)  # made once: it takes a tenth of a second
    assert [one for one in shown if _is_wrong(every, one[1])] == []


def _is_wrong(every: Any, said: str) -> bool:
    """Whether there is no such command among all of them, or an option of it does not exist."""
    words: list[str] = said.replace("[", " ").replace("]", " ").split()[1:]
    command = every
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    known = {"--help"}.union(*(one.opts + one.secondary_opts for one in command.params))
    unknown = {word.rstrip(",.;:)").partition("=")[0] for word in words if word.startswith("--")} - known
    named = words and not words[0].startswith("-") and hasattr(command, "commands")
    return bool(unknown or named)


def test_the_help_shows_each_command_once_under_a_heading() -> None:
    shown = [name for names in help_panels.PANELS.values() for name in names]
    assert shown == get_command(cli.app).list_commands(None)  # type: ignore[attr-defined]  # a group is made of it
    assert len(shown) == len(set(shown))


def test_the_page_for_3_a_m_has_a_row_for_each_kind_of_alert() -> None:
    page = _read("docs/operate.md").partition("\n## At 3 a.m.\n")[2].partition("\n## ")[0]
    kinds = [value for name, value in vars(alerts).items() if name.isupper() and isinstance(value, str)]
    assert len(kinds) >= 13
    assert [kind for kind in kinds if not re.search(rf"^\|[^|]*alert \"{re.escape(kind)}\"", page, re.MULTILINE)] == []


def test_links_between_documents_lead_somewhere(tracked: list[Path]) -> None:
    broken = []
    for page in (path for path in tracked if path.suffix == ".md"):
        links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", _read(page))
        broken += [f"{page}: {link}" for link in links if not (ROOT / page.parent / link).exists()]
    assert broken == []


def test_every_decision_is_listed_dated_and_names_its_alternatives() -> None:
    listed = _read("docs/decisions/README.md")
    records = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert records
    for record in records:
        text = record.read_text()
        assert f"({record.name})" in listed, record.name
        assert re.search(r"^Date: 20\d\d-\d\d-\d\d$", text, re.MULTILINE), record.name
        for heading in ("Context", "Decision", "Alternatives", "Not covered"):
            assert re.search(rf"^## {heading}$", text, re.MULTILINE), f"{record.name}: {heading}"


def test_the_changelog_has_this_version(project: Mapping[str, Any]) -> None:
    assert f"## [{project['project']['version']}]" in _read("CHANGELOG.md")


# --- helpers -----------------------------------------------------------------------------------------------


def _read(name: str | Path) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _plain(name: str) -> str:
    """As the lock files spell a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]


def _direct(project: Mapping[str, Any]) -> list[str]:
    return [_name(line) for line in project["project"]["dependencies"]]


def _pins(name: str) -> list[str]:
    return re.findall(r"^([a-z0-9._-]+==[^ ;\\]+)", _read(name), re.MULTILINE)


def _commands(command: Any, name: str = "") -> Iterator[str]:
    """Names of the leaves of a command's tree."""
    if not hasattr(command, "commands"):
        yield name
        return
    for part, below in command.commands.items():
        yield from _commands(below, f"{name} {part}".strip())


def _settings() -> set[str]:
    return {f"LASTSEEN_{name.upper()}" for name in Settings.model_fields}


def _compose_variables() -> set[str]:
    texts = [_read(path.name) for path in ROOT.glob("*compose*.yml")]
    return set(re.findall(r"\$\{(\w+)", " ".join(texts)))


def _example() -> dict[str, str]:
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", _read(".env.example"), re.MULTILINE))


def _spelt(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
