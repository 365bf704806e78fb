"""Templates are sealed one by one, each for its own row."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from lastseen.settings import Settings
from storage.sealing import CannotOpen, NoKey, Sealer, identity, sealer

KEY = bytes(range(32))
ROW = identity(track=1, photo=None, kind="pooled", engine="e/1")
VECTOR = np.linspace(-1, 1, 128, dtype=np.float32)


def settings(folder: Path, key: str | None = None) -> Settings:
    return Settings(_env_file=None, data_dir=folder, template_key=SecretStr(key) if key else None)


def test_a_vector_comes_back_to_the_bit() -> None:
    sealed = Sealer(KEY).seal(VECTOR, ROW)
    assert np.array_equal(Sealer(KEY).open(sealed, ROW), VECTOR)
    assert VECTOR.tobytes() not in sealed
    assert Sealer(KEY).seal(VECTOR, ROW) != sealed, "each seal has its own nonce"


@pytest.mark.parametrize(
    "other",
    [
        identity(track=2, photo=None, kind="pooled", engine="e/1"),
        identity(track=None, photo=1, kind="pooled", engine="e/1"),
        identity(track=1, photo=None, kind="best", engine="e/1"),
        identity(track=1, photo=None, kind="pooled", engine="e/2"),
    ],
)
def test_a_row_that_was_copied_over_another_does_not_open(other: str) -> None:
    with pytest.raises(CannotOpen, match="restore the key"):
        Sealer(KEY).open(Sealer(KEY).seal(VECTOR, ROW), other)


def test_another_key_and_every_changed_byte_are_found() -> None:
    sealed = Sealer(KEY).seal(VECTOR, ROW)
    with pytest.raises(CannotOpen):
        Sealer(bytes(32)).open(sealed, ROW)
    for place in range(len(sealed)):
        damaged = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(CannotOpen):
            Sealer(KEY).open(damaged, ROW)


def test_the_key_is_made_once_for_us_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        sealers = list(pool.map(sealer, [settings(tmp_path)] * 8))
    sealed = sealers[0].seal(VECTOR, ROW)
    assert all(np.array_equal(each.open(sealed, ROW), VECTOR) for each in sealers)
    kept = tmp_path / "keys" / "template.key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in kept.parent.iterdir()] == ["template.key"]


def test_the_key_may_come_from_the_settings(tmp_path: Path) -> None:
    key = base64.b64encode(KEY).decode()
    assert np.array_equal(sealer(settings(tmp_path, key)).open(Sealer(KEY).seal(VECTOR, ROW), ROW), VECTOR)
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("key", ["no base64!", base64.b64encode(b"too short").decode()])
def test_a_key_that_is_none_is_refused_without_showing_it(tmp_path: Path, key: str) -> None:
    with pytest.raises(NoKey, match="openssl rand -base64 32") as fault:
        sealer(settings(tmp_path, key))
    assert key not in str(fault.value)


def test_a_damaged_key_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "template.key").write_bytes(b"short")
    with pytest.raises(NoKey, match="restore it from your backup"):
        sealer(settings(tmp_path))
