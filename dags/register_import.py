"""
# Import the register

Brings the register to what a CSV with photos, or a folder of `PERSON/photo.jpg`, says, and checks every new photo.

- **When it fails**: the message names the file and what it lacks. Refused rows and photos are in `lastseen status`,
  each with its reason; all others went in.
- **By hand**: `path` is a file or folder that the worker can read; `dry_run` reads it, counts, and changes nothing.
- **Again**: the same register changes nothing, and sets nothing off.
"""

from airflow.sdk import Param, dag

from dags import wiring


@dag(
    schedule=None,
    dagrun_timeout=wiring.LONG_RUN,
    **wiring.FRAME,
    params={
        "path": Param(
            type="string",
            minLength=1,
            title="Path",
            description_md="A CSV with photos, or a folder of `PERSON/photo.jpg`, as the worker sees it.",
        ),
        "dry_run": wiring.DRY_RUN,
    },
    tags=["lastseen", "register"],
    doc_md=__doc__,
)
def register_import() -> None:
    """A list and its photos in, templates out."""

    wiring.duty("import_register", "Import, and check every new photo.", wiring.MATCH, [wiring.REGISTER])


register_import()
