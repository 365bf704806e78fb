"""A letter as DOCX.  This is the one module that imports python-docx."""

import io
import zipfile
from pathlib import Path
from typing import Final

from docx import Document
from docx.document import Document as Doc
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK, WD_COLOR_INDEX
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from docx.text.paragraph import Paragraph

from pipeline.letters.contents import Contents, Shown

FONT: Final = "Times New Roman"
SMALL: Final = Pt(8)
_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)
"""the earliest that a ZIP file can say: files of one letter do not depend on when they are made"""


def docx(said: Contents, folder: Path) -> bytes:
    """The document; stills are looked for in the folder.  The same contents make the same bytes."""
    document = Document()
    _frame(document, said)
    _letter(document, said)
    if said.shown:
        document.paragraphs[-1].add_run().add_break(WD_BREAK.PAGE)
        document.add_paragraph().add_run(said.annex).bold = True
        _small(document.add_paragraph(), said.note)
        for one in said.shown:
            _shown(document, one, folder)
    made = io.BytesIO()
    document.save(made)
    return _without_times(made.getvalue())


def _frame(document: Doc, said: Contents) -> None:
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = FONT, Pt(11)
    normal.element.rPr.rFonts.set(qn("w:cs"), FONT)
    normal.paragraph_format.space_after = Pt(0)
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin, section.right_margin = Cm(2.6), Cm(2)
    section.top_margin = section.bottom_margin = Cm(2.2)
    properties = document.core_properties
    properties.author = properties.last_modified_by = said.office
    properties.title, properties.comments, properties.language = said.subject, "", said.language
    properties.created = properties.modified = said.at.replace(tzinfo=None)
    foot = section.footer.paragraphs[0]
    _small(foot, f"{said.mark}    {said.page} ")
    _number(foot, "PAGE")
    _small(foot, " / ")
    _number(foot, "NUMPAGES")


def _letter(document: Doc, said: Contents) -> None:
    head = document.add_paragraph()
    _small(head, f"{said.office}    {said.reference}".strip())
    document.add_paragraph()
    document.add_paragraph().add_run(said.subject).bold = True
    document.add_paragraph()
    for line in said.lines:
        paragraph = document.add_paragraph()
        for piece in line:
            run = paragraph.add_run(piece.text)
            if piece.marked:
                run.font.highlight_color = WD_COLOR_INDEX.RED if piece.unsure else WD_COLOR_INDEX.YELLOW


def _shown(document: Doc, one: Shown, folder: Path) -> None:
    document.add_paragraph()
    title = document.add_paragraph()
    title.paragraph_format.keep_with_next = True
    title.add_run(one.title).bold = True
    if one.still:
        picture = document.add_paragraph()
        picture.alignment = WD_ALIGN_PARAGRAPH.CENTER
        picture.add_run().add_picture(str(folder / one.still), height=Cm(8))
    else:
        _small(document.add_paragraph(), one.absent)
    table = document.add_table(rows=0, cols=2)
    for name, value in one.facts:
        cells = table.add_row().cells
        cells[0].width, cells[1].width = Cm(4.5), Cm(11.9)
        _small(cells[0].paragraphs[0], name)
        _small(cells[1].paragraphs[0], value)


def _small(paragraph: Paragraph, text: str) -> None:
    paragraph.add_run(text).font.size = SMALL


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
