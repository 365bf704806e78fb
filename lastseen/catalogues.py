"""Catalogues of messages: read from their `.po` files where they lie, so that there is nothing to compile."""

import gettext
import io
from importlib.resources import files

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from lastseen.preferences import FIRST_LANGUAGE


def read(package: str, domain: str, code: str) -> gettext.NullTranslations:
    """The messages of one package in one language (docs/translating.md); of the sources' own language there are none.

    Raises FileNotFoundError if the package has no such catalogue.
    """
    if code == FIRST_LANGUAGE:
        return gettext.NullTranslations()
    path = files(package).joinpath("locale", code, "LC_MESSAGES", f"{domain}.po")
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(path.read_bytes()), locale=code))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
