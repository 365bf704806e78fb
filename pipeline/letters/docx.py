"""A letter as DOCX: of an approved one only, so no form in it waits to be confirmed.

This is the one module that imports python-docx.
"""

import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from docx import Document
from docx.document import Document as Doc
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Emu, Length, Pt
from docx.table import Table as Grid
from docx.table import _Row as Row
from docx.text.paragraph import Paragraph

from lastseen import letter_marks
from pipeline.letters.contents import TOGETHER, Contents, Shown, Table

FONT: Final = "Times New Roman"
MONO: Final = "Courier New"
SMALL, HASH = Pt(9), Pt(7)
"""a sha256 is as wide as its column then, and stays in one line"""
SPACE: Final = Pt(3)
LANGUAGES: Final = {"en": "en-GB", "uk": "uk-UA"}
STILL: Final = (Cm(16.4), Cm(6.2))
"""wide and high at most"""
FIRST: Final = 4
"""facts that stand below the still at least, where there are too many for one page"""
FACTS: Final = (Cm(4.4), Cm(12))
PEOPLE: Final = (Cm(1), Cm(6.2), Cm(2.8), Cm(3.2), Cm(3.2))
PACKAGES: Final = (Cm(6), Cm(10.4))
_COPIED: Final = re.compile(r"[!-~]{64,}")
"""a sha256, or the key of a log"""
_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)
"""the earliest that a ZIP file can say: files of one letter do not depend on when they are made"""


def docx(said: Contents, folder: Path) -> bytes:
    """The document; stills are looked for in the folder.  The same contents make the same bytes."""
    document = Document()
    _frame(document, said)
    _letter(document, said)
    if said.shown or said.people.rows:
        title = document.add_paragraph()
        title.paragraph_format.page_break_before = True
        title.add_run(said.annex).bold = True
        _small(document.add_paragraph(), said.note)
        _table(document, said.people, PEOPLE)
        for one in said.shown:
            _shown(document, one, folder)
        _packages(document, said)
    made = io.BytesIO()
    document.save(made)
    return _without_times(made.getvalue())


def _frame(document: Doc, said: Contents) -> None:
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = FONT, Pt(11)
    normal.element.rPr.rFonts.set(qn("w:cs"), FONT)
    language = OxmlElement("w:lang")
    language.set(qn("w:val"), LANGUAGES[said.language])
    normal.element.rPr.append(language)
    normal.paragraph_format.space_after = Pt(0)
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin, section.right_margin = Cm(2.6), Cm(2)
    section.top_margin = section.bottom_margin = Cm(2.2)
    properties = document.core_properties
    properties.author = properties.last_modified_by = said.office
    properties.title, properties.comments = letter_marks.text_of(said.subject), ""
    properties.language = said.language
    properties.created = properties.modified = said.at.replace(tzinfo=None)
    document.styles["Footer"].font.size = SMALL
    foot = section.footer.paragraphs[0]
    _small(foot, f"{said.mark}    {said.page} ")
    _number(foot, "PAGE")
    _small(foot, " / ")
    _number(foot, "NUMPAGES")


def _letter(document: Doc, said: Contents) -> None:
    if said.office:
        office = document.add_paragraph().add_run(said.office)
        office.bold, office.font.size = True, Pt(14)
    for one in said.sender:
        _small(document.add_paragraph(), one)
    _line_below(document.paragraphs[-1] if document.paragraphs else document.add_paragraph())
    document.add_paragraph()
    head = document.add_table(rows=1, cols=2)
    _widths(head, (Cm(8.4), Cm(8)))
    for cell, lines in zip(head.rows[0].cells, (said.reference, said.to), strict=True):
        cell.paragraphs[0].add_run("\n".join(lines))
    document.add_paragraph()
    document.add_paragraph().add_run(letter_marks.text_of(said.subject)).bold = True
    document.add_paragraph()
    for line in said.lines:
        paragraph = document.add_paragraph(letter_marks.text_of(line.pieces))
        paragraph.paragraph_format.left_indent = line.indent * SPACE
        paragraph.paragraph_format.keep_with_next = line.keep
        paragraph.paragraph_format.keep_together = line.keep or line.indent > 0


def _shown(document: Doc, one: Shown, folder: Path) -> None:
    document.add_paragraph()
    title = document.add_paragraph()
    title.paragraph_format.keep_with_next = True
    title.add_run(one.title).bold = True
    if one.still:
        picture = document.add_paragraph()
        picture.alignment = WD_ALIGN_PARAGRAPH.CENTER
        picture.paragraph_format.keep_with_next = True
        drawn = picture.add_run().add_picture(str(folder / one.still), height=STILL[1])
        if drawn.width > STILL[0]:
            drawn.width, drawn.height = STILL[0], Emu(round(drawn.height * STILL[0] / drawn.width))
    else:
        absent = document.add_paragraph()
        absent.paragraph_format.keep_with_next = True
        _small(absent, one.absent)
    table = document.add_table(rows=0, cols=2)
    for name, value in one.facts:
        cells = table.add_row().cells
        _small(cells[0].paragraphs[0], name)
        _small(cells[1].paragraphs[0], value)
    _widths(table, FACTS)
    _whole_rows(table, together=len(one.facts) if len(one.facts) <= TOGETHER else FIRST)


def _packages(document: Doc, said: Contents) -> None:
    if said.proof and not said.packages.rows:
        document.add_paragraph()
        document.add_paragraph().add_run(said.packages.title).bold = True
    _table(document, said.packages, PACKAGES)
    for place, (name, value) in enumerate(said.proof):
        paragraph = document.add_paragraph()
        paragraph.paragraph_format.space_before = SPACE if place else 2 * SPACE
        if name:
            _small(paragraph, f"{name}: ")
        _small(paragraph, value)


def _table(document: Doc, said: Table, widths: Sequence[Length]) -> None:
    if not said.rows:
        return
    document.add_paragraph()
    title = document.add_paragraph()
    title.paragraph_format.keep_with_next = True
    title.add_run(said.title).bold = True
    table = document.add_table(rows=0, cols=len(said.head), style="Table Grid")
    for row in (said.head, *said.rows):
        for cell, value in zip(table.add_row().cells, row, strict=True):
            _small(cell.paragraphs[0], value)
    _widths(table, widths)
    _whole_rows(table, together=2)
    _say(table.rows[0], "w:tblHeader")


def _whole_rows(table: Grid, *, together: int) -> None:
    """No row is split across pages, and the first of them stand on one page, with what stands above."""
    rows = list(table.rows)
    for row in rows:
        _say(row, "w:cantSplit")
    for paragraph in (one for row in rows[: together - 1] for cell in row.cells for one in cell.paragraphs):
        paragraph.paragraph_format.keep_with_next = True


def _say(row: Row, what: str) -> None:
    said = OxmlElement(what)
    said.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(said)


def _widths(table: Grid, widths: Sequence[Length]) -> None:
    """Programs differ in which of these they look at: those of the columns, or of each cell."""
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
        for cell in column.cells:
            cell.width = width


def _line_below(paragraph: Paragraph) -> None:
    borders, line = OxmlElement("w:pBdr"), OxmlElement("w:bottom")
    for name, value in (("val", "single"), ("sz", "8"), ("space", "4"), ("color", "20282C")):
        line.set(qn(f"w:{name}"), value)
    borders.append(line)
    paragraph._p.get_or_add_pPr().append(borders)


def _small(paragraph: Paragraph, text: str) -> None:
    run = paragraph.add_run(text)
    run.font.size = SMALL
    if _COPIED.fullmatch(text):
        run.font.name, run.font.size = MONO, HASH


def _number(paragraph: Paragraph, what: str) -> None:
    """A field that the program which opens the file fills: `PAGE`, or `NUMPAGES`."""
    run = paragraph.add_run()
    run.font.size = SMALL
    for kind, text in (("begin", ""), ("", what), ("end", "")):
        part = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            part.set(qn("w:fldCharType"), kind)
        else:
            part.text = text
        run._r.append(part)


def _without_times(content: bytes) -> bytes:
    """The same ZIP file, whose parts all say the same time."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = zipfile.ZipInfo(name, _FIRST_DAY)
            part.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(part, old.read(name))
    return made.getvalue()
