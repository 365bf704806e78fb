"""A letter with its packages of evidence, whole: a film is collected, two people judge, a letter goes its way.

Nothing stands in for anything: what its annex says of the packages is what their own verifier finds.
"""

import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from docx import Document
from pypdf import PdfReader

from lastseen.letters import LetterEvent, LetterFormat
from lastseen.settings import Settings
from storage import custody_keys, group_cases, letters
from storage.letters import Move
from storage.objects import EXPORT
from storage.stores import Stores
from tests.filmed import office_with_a_film, sighted
from tests.office import Office
from tests.storage.judged import account
from tests.storage.lettered import recipient

pytestmark = pytest.mark.long


@pytest.fixture
def office(settings: Settings, stores: Stores, tmp_path: Path, shared_media: Path) -> Office:
    """An office that has collected one film, and found one person of its register in it."""
    return office_with_a_film(settings, stores, tmp_path, shared_media)


@pytest.fixture
def case(office: Office) -> int:
    """Two analysts said that it may be this person, and the film is followed as a case of a group."""
    sighted(office)
    with office.stores.db.begin() as db:
        blob = int(str(db.exec_driver_sql("SELECT id FROM blobs").scalar_one()))
        made, _ = group_cases.open_(db, blob, "Yard", "taken together", "ann")
        group_cases.count(db, made, 9, "by eye", "ann")
    return made


def test_the_annex_names_the_packages_that_go_with_a_letter_and_they_stand_by_themselves(
    office: Office, case: int, tmp_path: Path
) -> None:
    with office.stores.db.begin() as db:
        to = recipient(db, "en")
    made = office.ask("letters", "write", "--to", str(to), "--case", str(case), "--package")
    letter = int(str(made["letter"]))
    assert "The recordings show 9 people together" in str(made["body"])
    assert office.ask("letters", "make") == {"made": 1, "failed": 0}
    office.run("letters", "note", str(letter), "offered")
    with office.stores.db.begin() as db:
        bob = account(db, "bob")
        letters.move(db, letter, Move(LetterEvent.APPROVED, bob.name))
    assert office.ask("letters", "make") == {"made": 1, "failed": 0}
    files = _files(office, letter)
    annex = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(files[LetterFormat.PDF])).pages)
    whole = files[LetterFormat.PACKAGE]
    key = str(custody_keys.public_keys(office.settings)[0])
    for package, binding in _unpacked(whole, tmp_path):
        assert hashlib.sha256(whole).hexdigest() in annex, "the file is bound by the letter"
        for said in (package.name.removeprefix("evidence-"), key, binding):
            assert said in annex.replace("\n", "") and said in _spelt(files[LetterFormat.DOCX])
        verify = [sys.executable, "-I", str(next(package.rglob("verify.py"))), str(package)]
        done = subprocess.run(
            [*verify, "--key", key, "--package-sha256", binding], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        wrong = subprocess.run([*verify, "--package-sha256", "0" * 64], capture_output=True, text=True, check=False)
        assert wrong.returncode != 0, "the hash in the letter is held against the package"
    assert office.ask("verify")["ok"]


def _files(office: Office, letter: int) -> dict[LetterFormat, bytes]:
    with office.stores.db.begin() as db:
        made = letters.files(db, letter)
    return {one.format: office.stores.objects.read(EXPORT, one.key) for one in made}


def _unpacked(content: bytes, folder: Path) -> list[tuple[Path, str]]:
    """Each package, and the hash that binds it."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        packed.extractall(folder / "packages")  # it is our own
    found = sorted((folder / "packages").iterdir())
    assert found
    return [(one, hashlib.sha256((one / "tagmanifest-sha256.txt").read_bytes()).hexdigest()) for one in found]


def _spelt(content: bytes) -> str:
    document = Document(io.BytesIO(content))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(one.text for one in document.paragraphs), *cells])
