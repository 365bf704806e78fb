"""Files of lists as offices get them, and as nobody should send them; lines, mappings, and whom a line may speak of."""

import io
import random
import zipfile
from datetime import UTC, date, datetime

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from lastseen.errors import WrongUse
from lastseen.records import NamedPerson, Verdict
from matchers.lists import apart, files, mapping, pfif, previewing
from matchers.lists.lines import Line, key_of
from matchers.lists.mapping import Columns
from matchers.lists.matching import MOST, Asked, Register
from matchers.lists.sheets import Sheet, Unreadable, Wanted

TODAY = date(2026, 11, 26)
TABLE = "№;Прізвище;Ім'я;По батькові;Дата народження;Статус\n1;Іваненко;Петро;Олексійович;03.04.1990;загинув\n"
PFIF = """<?xml version="1.0"?>
<pfif:pfif xmlns:pfif="http://zesty.ca/pfif/1.4">
 <pfif:person><pfif:person_record_id>x/1</pfif:person_record_id><pfif:full_name>Ivan Petrenko</pfif:full_name>
  <pfif:date_of_birth>1990-05</pfif:date_of_birth><pfif:expiry_date>{expiry}</pfif:expiry_date>
  <pfif:note><pfif:note_record_id>x/n1</pfif:note_record_id><pfif:source_date>2026-01-01T00:00:00Z</pfif:source_date>
   <pfif:status>believed_alive</pfif:status></pfif:note></pfif:person>
 <pfif:note><pfif:person_record_id>x/1</pfif:person_record_id><pfif:source_date>2026-02-01T00:00:00Z</pfif:source_date>
  <pfif:status>believed_dead</pfif:status></pfif:note>
</pfif:pfif>"""


def read(content: str | bytes, name: str = "a.csv", **wanted: object) -> Sheet:
    written = content.encode() if isinstance(content, str) else content
    return files.read(written, Wanted(name, **wanted))  # type: ignore[arg-type]


def lines(content: str | bytes, name: str = "a.csv", says: str = "", **told: object) -> tuple[Line, ...]:
    return previewing.of(read(content, name), TODAY, says=says, **told).lines  # type: ignore[arg-type]


def workbook(*rows: list[object]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def archive(*names: str) -> bytes:
    """A ZIP of files with a little in them."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as packed:
        for name in names:
            packed.writestr(name, "x")
    return written.getvalue()


DEFLATED = zipfile.ZIP_DEFLATED


def opened(content: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(content))


# --- files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1251", "mac-cyrillic"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_found_out(encoding: str, delimiter: str) -> None:
    sheet = read(TABLE.replace(";", delimiter).encode(encoding))
    assert sheet.columns[1:3] == ("Прізвище", "Ім'я")
    assert sheet.rows[0].cells[:4] == ("1", "Іваненко", "Петро", "Олексійович")


@pytest.mark.parametrize("encoding", ["koi8-u", "cp1125", "iso8859-5"])
def test_old_encodings_are_taken_when_they_are_said(encoding: str) -> None:
    assert read(TABLE.replace("№", "n").encode(encoding), encoding=encoding).rows[0].cells[1] == "Іваненко"


def test_koi8_is_found_out() -> None:
    assert read(TABLE.replace("№", "n").encode("koi8-u")).taken["encoding"] == "koi8-u"


def test_latin_names_with_marks_are_no_cyrillic() -> None:
    sheet = read("name;year\nJosé Müller;1990\nZoë Sørensen;1991\n".encode("cp1252"))
    assert [row.cells[0] for row in sheet.rows] == ["José Müller", "Zoë Sørensen"]


def test_rows_are_known_by_their_lines_and_broken_ones_stay() -> None:
    content = 'names,says\n"two\nlines",dead\nIvan Petrenko,dead,too,many\n,,\nPetro Ivanenko,dead\n'
    made = lines(content)
    assert [(line.row, bool(line.fault)) for line in made] == [(2, False), (4, True), (6, False)]
    assert made[1].raw == {"names": "Ivan Petrenko", "says": "dead", "3": "too", "4": "many"}


def test_an_open_quotation_mark_is_told_with_its_line() -> None:
    content = 'names,says\n"Ivan Petrenko,dead\n' + "Petro Ivanenko,dead\n" * 500
    (line,) = lines(content)
    assert "quotation mark" in str(line.fault)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "nothing in it"), (b"%PDF-1.7", "PDF"), (b"{\\rtf1", "RTF"), (b"\xd0\xcf\x11\xe0" + b"x" * 100, "XLS"),
        (b"PK\x03\x04 no zip", "XLSX"), (b"<?xml version='1.0'?><a/>", "no PFIF"),
        (b"<?xml version='1.0'?><a>", "no whole XML"),
        (b"PK\x03\x04", "XLSX"),
        (b"\xff\xd8\xff\xe0 JFIF", "a picture: copy its text"), (b"Rar!\x1a\x07", "unpack it"),
        ("<!doctype html><table><tr><td>Ада</td></tr></table>".encode("utf-16"), "a web page, whatever its name"),
        (b"<html><body>", "save that as XLSX"), (b'[{"name": "Ada"}]', "JSON"),
        (b"\xd0\xcf\x11\xe0" + "WordDocument".encode("utf-16-le"), "a Word document"),
        (archive("a.csv"), "unpack it"), (archive("word/document.xml"), "a Word document"),
        (archive("mimetype", "content.xml"), "LibreOffice"), (archive("xl/workbook.bin"), "XLSB"),
        (random.Random(3).randbytes(3000), "neither a spreadsheet nor text"),
        (random.Random(7).randbytes(300), "neither a spreadsheet nor text"),
    ],
)  # fmt: skip
def test_what_is_no_list_is_told_what_to_do(content: bytes, what: str) -> None:
    for name in ("a", "a.xlsx", "a.csv", "a.txt"):
        with pytest.raises(Unreadable, match=what):
            read(content, name)


def test_bytes_that_are_no_text_are_none_in_any_encoding() -> None:
    """All encodings of one byte a letter read them; a few bytes that do not belong there are none of a picture."""
    for seed in range(200):
        with pytest.raises(Unreadable):
            read(random.Random(seed).randbytes(2000), "a.xlsx")
    assert read(b"name;year\nAda\0 One;1990\nAda Two;1991\n").rows[0].cells == ("Ada\ufffd One", "1990")


def test_a_workbook_shows_values_and_tells_of_formulas_without_one() -> None:
    content = workbook(["Список"], ["ПІБ", "Дата народження", "Статус"], ["Іваненко Петро", date(1990, 1, 2), "полон"],
                       ["=A3&1", 1990.0, "dead"])  # fmt: skip
    one, other = lines(content, "a.xlsx")
    assert (one.born, one.says, one.fault) == (date(1990, 1, 2), "captive", None)
    assert other.raw["ПІБ"] == "=A3&1"
    assert "no value saved" in str(other.fault)


def test_a_zip_bomb_is_refused_before_it_is_read() -> None:
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(["ПІБ"]))) as whole,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for part in whole.infolist():
            filler = b" " * (300 << 20) if part.filename == "xl/worksheets/sheet1.xml" else b""
            bomb.writestr(part.filename, whole.read(part) + filler)
    with pytest.raises(WrongUse, match="MiB"):
        apart.read(packed.getvalue(), Wanted("a.xlsx"))


def test_entities_are_refused() -> None:
    laughs = '<?xml version="1.0"?><!DOCTYPE pfif [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>' + PFIF.partition("?>")[2]
    with pytest.raises(Unreadable, match="entities"):
        read(laughs)
    outside = '<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + PFIF.partition("?>")[2]
    with pytest.raises(Unreadable, match="entities"):
        read(outside)


def test_what_eats_memory_ends_alone() -> None:
    """A workbook whose strings unpack to less than the limit, and to more than the child may hold."""
    cells = "".join(f'<c r="A{row}" t="inlineStr"><is><t>{"x" * 3000}</t></is></c>' for row in range(2))
    sheet = (
        f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{cells}</sheetData>'
    )
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(["ПІБ"]))) as whole,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bad,
    ):
        for part in whole.infolist():
            bad.writestr(part.filename, sheet if "sheet1" in part.filename else whole.read(part))
    with pytest.raises(WrongUse, match="cannot be read"):
        apart.read(packed.getvalue(), Wanted("a.xlsx"))


@settings(max_examples=150, deadline=None)
@given(some.binary(max_size=400), some.sampled_from(["", "a.csv", "a.txt", "a.xlsx"]))
def test_any_bytes_are_a_sheet_or_refused(content: bytes, name: str) -> None:
    try:
        sheet = read(content, name)
        made = previewing.of(sheet, TODAY, says="dead").lines if sheet.kind == "text" else ()
    except (Unreadable, WrongUse):
        return
    assert all(line.fault or line.compared for line in made)


def test_mutants_of_a_workbook_are_read_or_refused() -> None:
    whole, chance = workbook(["ПІБ", "Рік"], *([f"Іван {row}", 1990] for row in range(30))), random.Random(3)
    for _ in range(150):
        mutant = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            mutant[chance.randrange(len(mutant))] = chance.randrange(256)
        try:
            read(bytes(mutant), "a.xlsx")
        except Unreadable:
            continue


# --- PFIF and text -----------------------------------------------------------------------------------------


def test_of_pfif_the_newest_note_says_what_is_said() -> None:
    (line,) = lines(PFIF.format(expiry="2099-01-01T00:00:00Z"))
    assert (line.names, line.birth_year, line.says) == (("Ivan Petrenko",), 1990, "dead")


def test_whoever_gave_out_pfif_is_minded_when_it_has_expired() -> None:
    sheet = pfif.read(PFIF.format(expiry="2026-03-01T00:00:00Z").encode(), datetime(2026, 11, 1, tzinfo=UTC))
    (line,) = previewing.of(sheet, TODAY).lines
    assert "used no more" in str(line.fault)
    assert not line.compared
    assert line.raw["full_name"] == "Ivan Petrenko"


def test_names_are_found_in_a_text_wherever_they_stand() -> None:
    content = "Повернулися:\n"
    content += "1. Іваненко Петро Олексійович, 1990 р.н.\n- Ольга Петренко (1985), Назар Дорошевець 1996\nДякуємо!\n"
    made = lines(content, "a.txt", says="returned")
    assert [(line.row, line.part, line.names, line.birth_year) for line in made] == [
        (1, 1, (), None), (2, 1, ("Іваненко Петро Олексійович",), 1990), (3, 1, ("Ольга Петренко",), 1985),
        (3, 2, ("Назар Дорошевець",), 1996), (4, 1, (), None)]  # fmt: skip


# --- mappings and lines ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "field"),
    [("ПІБ", "names"), ("Прізвище, ім'я, по батькові", "names"), ("ФИО", "names"),
     ("Прізвище", "family"), ("Имя", "given"),
     ("Ім’я", "given"), ("По батькові", "patronymic"), ("Рік народження", "birth_year"), ("Дата народження", "born"),
     ("Date of birth", "born"), ("Статус", "says"), ("Примітки", "note"), ("№", None), ("Звання", None)],
)  # fmt: skip
def test_headers_say_what_a_column_is(column: str, field: str | None) -> None:
    assert mapping.field_of(column) == field


def test_a_mapping_is_kept_and_is_the_same_again() -> None:
    made = mapping.changed(mapping.guessed(read(TABLE)), ["note=№"], ["х=dead"], "dna", ["%d/%m/%Y"])
    assert Columns.of_json(made.as_json()) == made


@pytest.mark.parametrize(
    ("columns", "values", "says"),
    [
        (["x=y"], [], ""),
        (["names"], [], ""),
        ([], ["dead"], ""),
        ([], ["a=b"], ""),
        ([], [], "gone"),
        (["names=none"], [], ""),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(columns: list[str], values: list[str], says: str) -> None:
    with pytest.raises(WrongUse):
        lines(TABLE, columns=columns, values=values, says=says)


@pytest.mark.parametrize(
    ("year", "told"),
    [("1990", 1990), ("1990 р.н.", 1990), ("1990.0", 1990), ("90", "four digits"), ("1850", "was born in"),
     ("2090", "was born"), ("19900", "four digits"), ("", None)],
)  # fmt: skip
def test_a_year_of_birth_is_read_or_told_as_a_fault_and_the_name_is_good_all_the_same(
    year: str, told: int | str | None
) -> None:
    (line,) = lines(f"names;Рік народження\nIvan Petrenko;{year}\n", says="dead")
    assert line.birth_year == (told if isinstance(told, int) else None)
    assert (told in str(line.fault)) if isinstance(told, str) else not line.fault
    assert line.compared, "the name is good all the same"


@pytest.mark.parametrize("day", ["31/01/1990", "01/31/1990", "31.13.1990", "весна"])
def test_a_day_that_may_be_two_is_asked_about(day: str) -> None:
    (line,) = lines(f"names;dob\nIvan Petrenko;{day}\n", says="dead")
    assert "1990-05-31" in str(line.fault)
    assert line.born is None


@pytest.mark.parametrize("written", ["05/31/1990", "1990-05-31", "1990-05-31 00:00:00"])
def test_what_can_be_one_day_only_is_read_whatever_is_said_of_the_others(written: str) -> None:
    (line,) = lines(f"names;dob\nIvan Petrenko;{written}\n", says="dead", dates=["%m/%d/%Y"])
    assert (line.born, line.fault) == (date(1990, 5, 31), None)


@pytest.mark.parametrize("column", ["дата", "dob"])
def test_a_year_of_four_digits_is_never_another(column: str) -> None:
    (line,) = lines(f"names;{column}\nIvan Petrenko;2968-05-31\n", says="dead")
    assert (line.born, line.birth_year, line.since) == (None, None, None)
    assert "2968" in str(line.fault)


def test_what_is_not_said_what_it_means_is_asked_about() -> None:
    (line,) = lines("names;status\nIvan Petrenko;щось\n")
    assert "“щось”" in str(line.fault)
    assert "щось=" not in str(line.fault), "nobody is proposed to call somebody dead"
    assert not line.compared
    (line,) = lines("names;status\nIvan Petrenko;щось\n", values=["щось=dead"])
    assert (line.says, line.fault) == ("dead", None)


def test_doubles_are_seen_across_alphabets_and_orders() -> None:
    assert key_of(["Петренко Іван"], 1990) == key_of(["Ivan PETRENKO"], 1990) == key_of(["Иван Петренко"], 1990) != ""
    assert key_of(["Петренко Іван"], 1990) != key_of(["Петренко Іван"], 1991)


# --- whom a line may speak of ------------------------------------------------------------------------------

PETRO = NamedPerson(1, ("Іваненко Петро Олексійович",), 1990)
OLHA = NamedPerson(2, ("Коваленко-Швець Ольга Іванівна", "Kovalenko-Shvets Olha"), 1985)
NAZAR = NamedPerson(3, ("Дорошевець Назар Ілліч",), 1996)
BROTHER = NamedPerson(4, ("Іваненко Павло Олексійович",), 1990)
REGISTER = Register.of([PETRO, OLHA, NAZAR, BROTHER])


@pytest.mark.parametrize(
    ("name", "year", "person"),
    [
        ("Іваненко Петро Олексійович", 1990, 1), ("IVANENKO Petro", 1990, 1), ("Петр Алексеевич Иваненко", None, 1),
        ("Іванеко Петро Олексійович", 1990, 1), ("Іваненко Петро", 1991, 1), ("Іваненко Петро Олексійович", 1909, 1),
        ("Іваненко П.О.", 1990, 1), ("Іваненко Пнтро Олексійович", 1990, 1), ("Іваненка Петра Олексійовича", 1990, 1),
        ("Швець Ольга", 1985, 2), ("Коваленко Ольга Іванівна", None, 2), ("Kovalenko Olha", 1985, 2),
        ("Коваленко-Швець Оля", 1985, 2),
        ("Дорошевець Назар Іліч", 1996, 3), ("Назар Ілліч Дорошевець", None, 3), ("Doroshevets N. I.", 1996, 3),
        ("Дорашивець Назар Ілліч", 1996, 3),
    ],
)  # fmt: skip
def test_somebody_is_found_however_tired_whoever_typed_it_was(name: str, year: int | None, person: int) -> None:
    found = REGISTER.proposals(Asked(1, (name,), year))
    assert found
    assert found[0].person == person, found


@pytest.mark.parametrize(
    ("name", "year"),
    [
        ("Іваненко Сергій Олексійович", 1990), ("Іваненко Петро Андрійович", 1980), ("Іваненко Петро", 1971),
        ("Дорошенко Назар", 1996), ("Коваль Ольга Іванівна", None), ("Іваненко", None),
        ("Петро Олексійович", 1990), ("", None),
    ],
)  # fmt: skip
def test_somebody_else_is_not_proposed(name: str, year: int | None) -> None:
    assert [one.person for one in REGISTER.proposals(Asked(1, (name,), year)) if one.person == 1] == []


def test_reasons_say_field_by_field_what_agrees_and_how() -> None:
    (one, *_) = REGISTER.proposals(Asked(1, ("ІВАНЕКО Петро Олексійович",), 1991))
    assert [(reason.verdict, reason.how) for reason in one.reasons] == [
        (Verdict.CLOSE, "one letter apart"), (Verdict.AGREES, ""), (Verdict.AGREES, ""),
        (Verdict.CLOSE, "a year apart")]  # fmt: skip


def test_of_many_namesakes_a_few_are_proposed_and_all_are_counted() -> None:
    many = Register.of(NamedPerson(one, ("Коваль Іван",), 1990) for one in range(40))
    found = many.proposals(Asked(1, ("Коваль Іван",), 1990))
    assert (len(found), {one.fitting for one in found}) == (MOST, {40})
