"""Reading a register: what an office's file or folder says, and that what it cannot mean is refused with its place."""

import os
import socket
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from lastseen.clock import utcnow
from lastseen.records import PersonEntry, PersonFacts, PersonStatus
from pipeline.register import files
from pipeline.register.files import (
    LARGEST_PHOTO,
    LONGEST_NAME,
    LONGEST_NUMBER,
    MOST_PHOTOS,
    NotARegister,
    Refusal,
    Unfit,
    read_photo,
)

HEADER = "register_number,names,birth_year,status,photos\n"
MISSING = PersonStatus.MISSING
YEARS = "birth_year is no year between 1900 and now"

Table = Callable[[str | bytes], Path]


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Writes a register file."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "register.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A register folder with one person and a photo."""
    person = tmp_path / "people" / "26-001"
    person.mkdir(parents=True)
    (person / "1.jpg").write_bytes(b"one")
    return person.parent


def entries(path: Path) -> list[PersonEntry]:
    return [item for item in files.read(path) if isinstance(item, PersonEntry)]


def refused(path: Path) -> dict[str, str]:
    """Where -> why."""
    return {item.where: item.why for item in files.read(path) if isinstance(item, Refusal)}


# --- what a CSV says ---------------------------------------------------------------------------------------


def test_a_row_states_everything(table: Table, tmp_path: Path) -> None:
    path = table(HEADER + "26-001,Олена Приклад|Olena Pryklad,1990,found,a/1.jpg|b\\2.jpg|/else/3.jpg\n")
    facts = PersonFacts(("Олена Приклад", "Olena Pryklad"), 1990, PersonStatus.FOUND)
    photos = (str(tmp_path / "a/1.jpg"), str(tmp_path / "b/2.jpg"), "/else/3.jpg")
    assert list(files.read(path)) == [PersonEntry("26-001", facts, photos)]


def test_ties_are_columns_that_a_file_may_have(table: Table) -> None:
    path = table("kin,register_number,names,birth_year,status,photos,same_as\n2 | 3,1,A,,,,\n,2,B,,,,9\n")
    told = [(entry.register_number, entry.kin, entry.same_as, entry.place) for entry in entries(path)]
    assert told == [("1", ("2", "3"), (), "row 2"), ("2", (), ("9",), "row 3")]


def test_a_region_is_a_column_that_a_file_may_have(table: Table) -> None:
    told = table("register_number,names,birth_year,status,photos,region\n1,A,,,, Sumy  oblast \n2,B,,,,\n")
    assert [one.facts.region for one in entries(told) if one.facts] == ["Sumy oblast", ""]
    assert [one.facts.region for one in entries(table(HEADER + "1,A,,,\n")) if one.facts] == [None]
    (refused,) = files.read(table("register_number,names,birth_year,status,photos,region\n1,A,,,," + "r" * 101 + "\n"))
    assert isinstance(refused, Refusal)
    assert refused.why == "region is longer than 100 characters"


def test_a_column_of_ties_stands_there_once(table: Table) -> None:
    with pytest.raises(NotARegister, match="has more than once the column kin"):
        files.read(table("kin,kin,register_number,names,birth_year,status,photos\n"))


def test_too_many_ties_are_a_mistake(table: Table) -> None:
    rows = f"1,A,,,,{'|'.join(map(str, range(201)))}\n"
    assert refused(table(HEADER.replace("\n", ",kin\n") + rows)) == {
        "row 2": "it has more than 200 ties to other entries"
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_it_may_be_spelt_as_spreadsheets_spell_it(table: Table, delimiter: str, end: str, mark: str) -> None:
    rows = [["Photos", " NAMES", "note", "Status", "birth_year", "register_number"], ["", "A B", "x", "", "", "7"]]
    path = table(mark + "".join(delimiter.join(row) + end for row in rows))
    assert list(files.read(path)) == [PersonEntry("7", PersonFacts(("A B",), None, MISSING), ())]


@pytest.mark.parametrize("space", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\xa0"])
def test_only_line_ends_end_a_row(table: Table, space: str) -> None:
    path = table(f"{HEADER}1,Ada{space}Example,1990,missing,\n2,Next,soon,missing,\n")
    assert entries(path) == [PersonEntry("1", PersonFacts(("Ada Example",), 1990, MISSING), ())]
    assert refused(path) == {"row 3": YEARS}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_end_in_quotes_ends_no_row(table: Table, end: str) -> None:
    path = table(f'{HEADER}1,"Ada{end}Example",1990,missing,\n2,Next,soon,missing,\n')
    assert entries(path) == [PersonEntry("1", PersonFacts(("Ada Example",), 1990, MISSING), ())]
    assert refused(path) == {"row 4": YEARS}


def test_quotes_hold_delimiters_quotes_and_line_breaks(table: Table) -> None:
    path = table(HEADER + '"1","Example, Ada ""Addie""",1990,missing,"a,b.jpg|\n2.jpg"\n')
    [entry] = entries(path)
    assert entry.facts is not None
    assert entry.facts.names == ('Example, Ada "Addie"',)
    assert [Path(photo).name for photo in entry.photos] == ["a,b.jpg", "2.jpg"]


def test_names_in_scripts_that_need_joiners_and_marks_are_names(table: Table) -> None:
    names = ("می\u200cخواهم", "\u200fשלום", "क\u094d\u200dष")  # noqa: RUF001  no Latin letters are meant
    [entry] = entries(table(HEADER + f"1,{'|'.join(names)},,,\n"))
    assert entry.facts is not None
    assert entry.facts.names == names


# --- rows that are refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (",A B,1990,missing,", "it has no register_number"),
        ("2, ,1990,missing,", "it has no names"),
        ("2,|,1990,missing,", "it has no names"),
        ("2,A B,soon,missing,", YEARS),
        ("2,A B,1899,missing,", YEARS),
        (f"2,A B,{utcnow().year + 1},missing,", YEARS),
        ("2,A B,١٩٩٠,missing,", YEARS),
        (f"2,A B,{'1' * 5000},missing,", YEARS),
        ("2,A B,1990,asleep,", "status is none of missing, captive, returned, deceased, found, withdrawn"),
        ("2,A B,1990,missing", "it has 4 cells, the header 5"),
        ("2", "it has 1 cells, the header 5"),
        ("2,B,A,1990,missing,", "it has 6 cells, the header 5"),
        ("1,A B,1990,missing,", "register number stands in row 2 already"),
        ("2\x00,A B,1990,missing,", "register_number holds a character that cannot be printed: U+0000"),
        ('"2\n3",A B,1990,missing,', "register_number holds a character that cannot be printed: U+000A"),
        ("2,A\x00B,1990,missing,", "a name holds a character that cannot be printed: U+0000"),
        ("2,A\x1bB,1990,missing,", "a name holds a character that cannot be printed: U+001B"),
        ("2,A\u202eB,1990,missing,", "a name holds a character that cannot be printed: U+202E"),
        (
            f"{'2' * (LONGEST_NUMBER + 1)},A B,1990,missing,",
            f"register_number is longer than {LONGEST_NUMBER} characters",
        ),
        (f"2,A|{'B' * (LONGEST_NAME + 1)},1990,missing,", f"a name is longer than {LONGEST_NAME} characters"),
        (f"2,A B,1990,missing,{'|'.join(['1.jpg'] * 51)}", "it has 51 photos: 50 are the most"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused_and_the_others_go_in(table: Table, row: str, why: str) -> None:
    path = table(f"{HEADER}1,First,1990,missing,\n{row}\n3,Last,1991,missing,\n")
    assert refused(path) == {"row 3": why}
    assert [entry.register_number for entry in entries(path)] == ["1", "3"]


def test_the_longest_of_everything_goes_in(table: Table) -> None:
    photos = "|".join(f"{n}.jpg" for n in range(MOST_PHOTOS))
    path = table(f"{HEADER}{'2' * LONGEST_NUMBER},{'B' * LONGEST_NAME},{utcnow().year},missing,{photos}\n")
    assert len(entries(path)) == 1
    assert refused(path) == {}


def test_rows_are_known_by_the_line_on_which_they_begin(table: Table) -> None:
    path = table(HEADER + '1,"A\nB\nC",,,\n\n;;\n ,,,,\n"2",X,"so\non",,\n3,X,,asleep,\n')
    assert refused(path) == {
        "row 6": "it has 1 cells, the header 5",
        "row 8": YEARS,
        "row 10": "status is none of missing, captive, returned, deceased, found, withdrawn",
    }


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ('2,"A"B,,,\n', "expected after"),
        (f"2,{'A' * 140_000},,,\n", "field limit"),
        ('2,"A\nB,,,\n4,C,,,\n', "end of data"),
    ],
)
def test_where_it_stops_being_a_csv_is_a_refusal_with_its_row(table: Table, broken: str, says: str) -> None:
    path = table(f'{HEADER}1,"A\nB",,,\n{broken}3,Last,,,\n')
    [(where, why)] = refused(path).items()
    assert where == "row 4"
    assert why.startswith("it is no CSV from here on: ")
    assert says in why
    assert [entry.register_number for entry in entries(path)] == ["1"]


# --- what is no register -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "lacks the columns register_number, names, birth_year, status, photos"),
        ("\n", "lacks the columns"),
        ("register_number,names,status,photos\n", "lacks the column birth_year; needed are register_number, names,"),
        ("26-001,Ada Example,1990,missing,1.jpg\n", "lacks the columns"),
        (HEADER.replace("photos", "photos,Ada Example,Names"), "has more than once the column names; needed"),
        ('"register_number,names\nAda Example,1990', "it is no CSV from here on: unexpected end of data"),
        ('"register_number"s,"Ada Example"', "it is no CSV from here on: ',' expected after"),
        ("Ada Example" * 20_000, "it is no CSV from here on: field larger than field limit"),
        (HEADER.encode() + b"1,Ada Example,,,\n2,\xc0\xe4\xe0,,,\n", "is not UTF-8 (line 3): save it as CSV UTF-8"),
        (HEADER.encode("utf-16"), "is not UTF-8 (line 1)"),
    ],
)
def test_a_file_that_is_no_register_says_what_it_needs_and_nothing_of_what_it_holds(
    table: Table, content: str | bytes, says: str
) -> None:
    path = table(content)
    with pytest.raises(NotARegister) as caught:
        files.read(path)
    assert says in caught.value.why
    assert str(caught.value) == f"{path} {caught.value.why}"
    shown = "".join(traceback.format_exception(caught.value))
    assert "Ada" not in shown
    assert "26-001" not in shown
    assert "During handling" not in shown
    assert "direct cause" not in shown


@pytest.mark.parametrize("name", ["nowhere.csv", "a\0b.csv", "a\ud800b.csv", "n" * 300])
def test_a_path_that_cannot_be_read_is_no_register(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotARegister, match="cannot be read: ") as caught:
        files.read(tmp_path / name)
    assert name not in caught.value.why


def test_a_folder_of_photos_without_people_is_no_register(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"one")
    (tmp_path / ".hidden").mkdir()
    with pytest.raises(NotARegister, match="holds no folders"):
        files.read(tmp_path)


# --- a folder ----------------------------------------------------------------------------------------------


def test_a_folder_states_nothing_but_numbers_and_photos(folder: Path) -> None:
    (folder / "26-001" / ".DS_Store").write_bytes(b"")
    (folder / "26-002").mkdir()
    assert list(files.read(folder)) == [
        PersonEntry("26-001", None, (str(folder / "26-001" / "1.jpg"),)),
        PersonEntry("26-002", None, ()),
    ]


def test_what_is_no_folder_of_a_person_is_refused_by_its_name_and_kept_without_it(folder: Path, tmp_path: Path) -> None:
    (folder / "Ada Example.txt").write_bytes(b"")
    (folder / ("9" * (LONGEST_NUMBER + 1))).mkdir()
    (folder / " ").mkdir()
    (folder / "t\tab").mkdir()
    (folder / "zz-linked").symlink_to(tmp_path)
    (folder / os.fsdecode(b"\xff\xfe")).mkdir()
    (folder / "26-050").mkdir()
    for number in range(MOST_PHOTOS + 1):
        (folder / "26-050" / f"{number}.jpg").touch()
    found = [item for item in files.read(folder) if isinstance(item, Refusal)]
    assert {item.where: item.why for item in found} == {
        "Ada Example.txt": "it does not lie in the folder of a person",
        "9" * (LONGEST_NUMBER + 1): f"register_number is longer than {LONGEST_NUMBER} characters",
        " ": "it has no register_number",
        "t\\u0009ab": "register_number holds a character that cannot be printed: U+0009",
        "zz-linked": "it is a link that leads out of the register",
        "\\udcff\\udcfe": "register_number holds a character that cannot be printed: U+DCFF",
        "26-050": "it has 51 photos: 50 are the most",
    }
    assert sorted(item.place for item in found) == [f"entry {n}" for n in (1, 3, 4, 5, 6, 7, 8)]
    assert [entry.register_number for entry in entries(folder)] == ["26-001"]


# --- photos ------------------------------------------------------------------------------------------------


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(LARGEST_PHOTO + 1)


def circle(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Path.mkdir, "it is a folder: photos lie directly in the folder of their person"),
        (fifo, "it is no regular file"),
        (device, "it is no regular file"),
        (listening, "it is no regular file"),
        (huge, "it has more than 64 MiB"),
        (circle, "the photo cannot be read: Too many levels of symbolic links"),
        (lambda path: None, "the photo cannot be read: No such file or directory"),
    ],
)
def test_only_regular_files_of_a_fair_size_are_read(tmp_path: Path, make: Callable[[Path], None], why: str) -> None:
    make(tmp_path / "photo.jpg")
    with pytest.raises(Unfit) as caught:
        read_photo(str(tmp_path / "photo.jpg"), tmp_path / "register.csv")
    assert str(caught.value) == why
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("name", ["a\0b.jpg", "a\nb.jpg", os.fsdecode(b"\xff.jpg"), "folder\0/photo.jpg", "n" * 300])
def test_a_photo_whose_name_cannot_be_kept_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unfit):
        read_photo(str(tmp_path / name), tmp_path / "register.csv")


def test_a_link_may_not_lead_out_of_a_folder(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"secret")
    person = folder / "26-001"
    (person / "2.jpg").symlink_to(secret)
    (person / "3.jpg").symlink_to("../../secret.jpg")
    (person / "4.jpg").symlink_to("1.jpg")
    (person / "5.jpg").symlink_to("5.jpg")
    said = {}
    for photo in entries(folder)[0].photos:
        try:
            said[Path(photo).name] = read_photo(photo, folder).decode()
        except Unfit as fault:
            said[Path(photo).name] = str(fault)
    out = "it is a link that leads out of the register"
    assert said.pop("5.jpg") in (out, "the photo cannot be read: Too many levels of symbolic links")
    assert said == {"1.jpg": "one", "2.jpg": out, "3.jpg": out, "4.jpg": "one"}


def test_a_csv_names_files_anywhere(table: Table, folder: Path) -> None:
    path = table(f"{HEADER}1,A,,,linked.jpg|{folder}/26-001/1.jpg\n")
    (path.parent / "linked.jpg").symlink_to(folder / "26-001" / "1.jpg")
    [entry] = entries(path)
    assert [read_photo(photo, path) for photo in entry.photos] == [b"one", b"one"]
