"""From a relative's form to what those who judged learn: the pages, the pipeline and a site, all real."""

import re
from pathlib import Path

from sqlalchemy import text

from review.roles import Role
from storage.stores import Stores
from storage.work import OF_A_TIP
from tests.office import Office
from tests.pipeline.conftest import WANTED
from tests.review.conftest import serving
from tests.servers.video_site import Page, VideoSite
from tests.storage.judged import account, give

CONTACT = "Olena, +380 00 000"


def test_a_tip_becomes_a_possible_sighting_and_its_mark_appears(
    office: Office, site: VideoSite, clip: Page, register: Path, stores: Stores
) -> None:
    ours = Office(office.settings.model_copy(update={"tips_open": True, "legal_basis": "decision 7"}), stores)
    ours.run("register", "import", str(register))
    with serving(stores, ours.settings) as pages:
        relative, officer = pages.browser(), pages.signed_in(Role.CASE_OFFICER)
        relative.get("/tip")
        sent = relative.submit(
            "/tip", address=site.url(clip.path), whom="my son", contact=CONTACT, moment="0:03", consent="yes"
        )
        code = re.search(r"<b>([A-Z2-7-]{29})</b>", sent.text)
        assert code is not None
        ours.run("run")
        assert site.asked == [], "nothing is fetched before an officer takes it up"
        assert officer.submit("/tips/1/take-up", number=WANTED, reason="it looks right").status_code == 303
        ours.run("run")
        with stores.db.begin() as db:
            steps = text("SELECT DISTINCT step FROM work WHERE priority = :tip ORDER BY step")
            assert db.execute(steps, {"tip": OF_A_TIP}).scalars().all() == [
                "analyze", "collect", "fetch", "fingerprint", "match_tracks",
            ]  # fmt: skip
            waits = db.execute(
                text("""SELECT candidates.id FROM candidates JOIN persons ON persons.id = person_id
                         WHERE register_number = :number AND state = 'open' ORDER BY distance LIMIT 1"""),
                {"number": WANTED},
            ).scalar_one()
        first = pages.reader(waits, "ada", 3)
        assert "A relative pointed to this" in first.get(f"/candidates/{waits}").text
        with stores.db.begin() as db:
            give(db, account(db, "ben"), waits, 3)
        assert "A relative pointed to this" in officer.get(f"/sightings/{waits}").text
        tip = officer.get("/tips/1").text
        assert f'href="/sightings/{waits}"' in tip
        state = relative.submit("/tip/state", code=code[1]).text
        assert "being looked at" in state
        assert "sighting" not in state.lower()
        officer.submit("/tips/1/move", to="closed", reason="told")
    with stores.db.begin() as db:
        assert db.execute(text("SELECT count(*) FROM tip_contacts")).scalar() == 0
