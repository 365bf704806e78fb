"""A page of a video site goes out with what stood beside its video, and the working copy that was made of it."""

import hashlib
import shutil
from pathlib import Path

from lastseen.settings import Settings
from pipeline.evidence import verify
from pipeline.evidence.export import export
from tests.pipeline.duties.erasing import erase
from tests.pipeline.evidence import attacker
from tests.pipeline.video_sites.visiting import visiting
from tests.servers.video_site import Page, VideoSite, films

VTT = b"WEBVTT\n\n00:00.000 --> 00:02.000\nBy the river\n"


def test_a_page_with_picture_and_sound_apart(owning: Settings, site: VideoSite, tmp_path: Path) -> None:
    site.add(Page("clip", files=films.dash(), source="film.mpd", duration=4, subtitles={"uk": VTT}))
    with visiting(owning, site) as office:
        office.run("collect")
        office.run("fetch")
        found = office.rows("SELECT kind, sha256 FROM media_items JOIN blobs ON blobs.id = blob_id")
        items = {str(kind): str(digest) for kind, digest in found}
        export(office.app, items["video"], tmp_path / "out", "", "a test")
        erase(office.app, f"blob:{hashlib.sha256(VTT).hexdigest()}")
        export(office.app, items["video"], tmp_path / "later", "", "a test")
    data = tmp_path / "out" / "data"
    assert verify.verify(tmp_path / "out").stands
    assert {path.name[:64] for path in (data / "originals").iterdir()} == set(items.values())
    (copy,) = attacker.lines(data / "derived.jsonl")
    assert (copy["kind"], copy["blob"], copy["audio"]) == ("joined", items["video"], items["audio"])
    assert hashlib.sha256((data / copy["file"]).read_bytes()).hexdigest() == copy["sha256"]
    assert verify.verify(tmp_path / "later").stands
    page = (tmp_path / "later" / "data" / "report.html").read_text()
    assert "subtitle: not held" in page
    assert page.count("the same words as in the observation before") == 1, "the page says what its listing said"
    shutil.rmtree((data / copy["file"]).parent)
    assert not verify.verify(tmp_path / "out").stands
