"""What leaves the office about people, for programs: the same file as the page makes, in JSON."""

import base64
import hashlib
from datetime import date
from typing import Annotated

from pydantic import Field

from lastseen.exchange.records import ENDINGS, Format
from lastseen.exchange.writing import file_name
from lastseen.records import PersonStatus
from review.api.door import Call, Given, Told, Word
from review.api.people import NO_NUL, NOT_EMPTY
from review.cases import exchange as pages
from storage.exchange import LONGEST, Selection, Wanted

MOST_NUMBERS = 10_000
"""register numbers in one request; the command takes more"""

Text = Annotated[str, NOT_EMPTY, Field(pattern=NO_NUL)]


class ExchangeGiven(Given):
    """To whom, why and under which right, and whom it is about."""

    format: Format = Field(strict=False)
    receiver: Annotated[Text, Field(max_length=LONGEST["receiver"])]
    purpose: Annotated[Text, Field(max_length=LONGEST["purpose"])]
    right: Annotated[Text, Field(max_length=LONGEST["right"], description="law, agreement or decision")]
    numbers: Annotated[tuple[Word, ...], Field(max_length=MOST_NUMBERS)] = Field((), strict=False)
    status: PersonStatus | None = Field(None, strict=False, description="not for who may be asked about faces")
    since: date | None = Field(None, strict=False, description="only of whom something changed; as `status`")
    everybody: bool = Field(False, description="nothing else chooses: the whole register is meant")


class FileTold(Told):
    """A file that was handed out."""

    export: str = Field(description="its number, as it stands in it and in the custody log")
    file_name: str
    media_type: str
    sha256: str
    content: str = Field(description="the file's bytes in base64")


def hand_out(call: Call, given: ExchangeGiven) -> FileTold:
    """Hand people out to another office, with the possible sightings and statements that stand.

    That it was, to whom and why stands in the custody log before the answer is sent.  Whoever may be asked about faces
    chooses by `numbers` or `everybody`, and is not asked about these people any more.
    """
    wanted = Wanted(given.receiver, given.purpose, given.right)
    selection = Selection(given.numbers, given.status, given.since, given.everybody)
    made, content = pages.handed_out(call.desk, call.user, given.format, wanted, selection)
    return FileTold(
        export=made.id,
        file_name=file_name(given.format, made),
        media_type=ENDINGS[given.format][1],
        sha256=hashlib.sha256(content).hexdigest(),
        content=base64.b64encode(content).decode(),
    )
