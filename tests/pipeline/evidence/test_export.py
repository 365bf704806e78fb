"""A real small case goes out, and a stranger checks it; what cannot go out is refused with a sentence."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import bagit
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import insert

from lastseen.clock import utcnow
from lastseen.errors import Failure, WrongUse
from lastseen.settings import Settings
from pipeline.app import App, open_app
from pipeline.evidence import folders, report, typesetting, verify
from pipeline.evidence.export import export
from storage import tables
from storage.stores import Stores
from tests.pipeline.conftest import WANTED
from tests.pipeline.evidence import attacker
from tests.pipeline.evidence.conftest import DESCRIPTION, REASON, RECIPIENT, Exported

BWRAP = shutil.which("bwrap")
ALONE = (
    *(BWRAP or "", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
    *("--clearenv", "--"),
)
"""no network, no environment, nothing to write to"""


def alone(package: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The verifier as a stranger starts it."""
    command = [sys.executable, "-I", str(package / "data" / "verify.py"), *arguments]
    return subprocess.run(
        [*ALONE, *command] if BWRAP else command, env={}, cwd="/", capture_output=True, text=True, check=False
    )


def test_a_stranger_checks_it_offline_with_the_verifier_in_it(exported: Exported) -> None:
    done = alone(exported.folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "Everything that was checked stands" in done.stdout
    assert "the key is only the package's own word" in done.stdout
    assert "the package agrees with itself, and no more" in done.stdout
    for said in (("--key", exported.key), ("--package-sha256", exported.sha256), ("--root", str(exported.root))):
        assert "This shows that nothing was changed since;" in alone(exported.folder, *said).stdout
    given = ("--key", exported.key, "--known", str(exported.known), "--root", str(exported.root))
    done = alone(exported.folder, *given, "--package-sha256", exported.sha256, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert said["ok"] is True
    assert [one["check"] for one in said["findings"] if one["state"] == "open"] == ["witnesses"]
    assert not list((exported.folder / "data").glob("__pycache__"))


@pytest.mark.skipif(not (shutil.which("sha256sum") and shutil.which("openssl")), reason="their tools are not here")
def test_other_peoples_tools_say_the_same_of_it(exported: Exported, package: Path) -> None:
    statement = next((package / "data/custody/stamps").glob("*.json"))
    (token,) = (package / "data/custody/stamps").glob("*.tsr")
    stamp = ["openssl", "ts", "-verify", "-data", str(statement), "-in", str(token), "-CAfile", str(exported.root)]
    of_payload, of_tags = (
        ["sha256sum", "--check", "--quiet", f"{name}-sha256.txt"] for name in ("manifest", "tagmanifest")
    )
    for command in (of_payload, of_tags, stamp):
        assert subprocess.run(command, cwd=package, capture_output=True, check=False).returncode == 0, command
    statement.write_bytes(statement.read_bytes() + b" ")
    (package / "bag-info.txt").write_text("")
    for command in (of_payload, of_tags, stamp):
        assert subprocess.run(command, cwd=package, capture_output=True, check=False).returncode != 0, command


def test_a_stranger_is_told_what_is_wrong(package: Path, exported: Exported) -> None:
    (package / "data" / "report.html").write_text("\x1b[2J")
    done = alone(package)
    assert done.returncode == 1
    assert "This package does NOT stand" in done.stdout and "data/report.html" in done.stdout
    other = exported.key[:-2] + ("AA" if exported.key[-2:] != "AA" else "BB")
    assert alone(exported.folder, "--key", other).returncode == 2, "part of that key was changed"
    assert alone(exported.folder, "--package-sha256", "0" * 64).returncode == 1
    assert alone(exported.folder, str(exported.folder.parent)).returncode == 2


def test_files_beside_the_verifier_are_not_taken_for_parts_of_python(package: Path) -> None:
    """Also without -I, and whoever put them there is found."""
    (package / "data" / "hashlib.py").write_text("raise SystemExit(0)")
    command = [sys.executable, str(package / "data" / "verify.py")]
    done = subprocess.run(command, env={}, cwd=package / "data", capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "data/hashlib.py" in done.stdout


def test_it_is_a_bag_to_others_too(exported: Exported) -> None:
    bag = bagit.Bag(str(exported.folder))
    bag.validate()
    assert (bag.version_info, sorted(bag.algorithms)) == ((1, 0), ["sha256", "sha512"])
    assert bag.info["Source-Organization"] == "Office of the Commissioner <test>"
    assert bag.info["Lastseen-Export-Reason"] == REASON
    assert bag.info["Lastseen-Recipient"] == RECIPIENT


def test_it_holds_every_place_where_the_bytes_appeared(exported: Exported) -> None:
    posts = attacker.lines(exported.folder / "data" / "posts.jsonl")
    assert {post["permalink"].rpartition("/")[2] for post in posts} == {"clip", "again"}
    (original,) = (exported.folder / "data" / "originals").iterdir()
    assert {item["sha256"] for post in posts for item in post["media"]} == {original.stem}
    assert hashlib.sha256(original.read_bytes()).hexdigest() == original.stem
    observations = attacker.lines(exported.folder / "data" / "observations.jsonl")
    assert {one["post"] for one in observations} == {post["id"] for post in posts}
    assert all(one["text"] == DESCRIPTION for one in observations)


def test_it_tells_what_was_done_and_of_nobody_else(exported: Exported) -> None:
    events = [attacker.body(line) for line in attacker.lines(exported.folder / "data" / "custody" / "events.jsonl")]
    done = {event["action"] for event in events}
    assert {"collected", "stored", "seen again", "derived", "searched", "viewed", "manifested", "stamped"} <= done
    assert {event["subject"] for event in events if event["subject"].startswith("candidate:")} == {
        f"candidate:{exported.candidate}"
    }
    for path in (exported.folder / "data").rglob("*"):
        if path.suffix in (".jsonl", ".html", ".txt"):
            assert not re.search(r"AL-1975|BO-1961|JB-1942", path.read_text()), path


def test_the_report_reads_the_same_as_page_and_document(exported: Exported) -> None:
    page = (exported.folder / "data" / "report.html").read_text()
    assert "Possible sighting" in page and "identified by this software" in page
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert not re.findall(r"""(?:src|href)=["'](?:https?:|//)""", page), "nothing is asked of a network"
    for file in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert (exported.folder / "data" / file).is_file(), file
    assert page.count(RECIPIENT) >= 3
    assert "was published in 2 places" in page
    assert (exported.folder / "data" / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_text_from_outside_is_no_markup_to_typst(tmp_path: Path) -> None:
    hostile = '#read("/etc/passwd") #panic() *x* $ @ref `raw` \\ #import "@preview/x:1.0.0"'
    data: dict[str, Any] = {
        "title": hostile,
        "mark": hostile,
        "facts_of": [[hostile, hostile]],
        "about": [hostile],
        "sightings": [],
        "boxes": True,
        "places": [dict.fromkeys(("published", "read", "where"), hostile)] * 2,
        "sources": [
            {
                "title": hostile,
                "facts": [[hostile, hostile]],
                "posts": [
                    {
                        "title": hostile,
                        "facts": [],
                        "media": [{"what": hostile, "file": "", "sha256": ""}],
                        "observations": [
                            {"at": "", "how": hostile, "same": same, "from_right": same, "record": ""}
                            | dict.fromkeys(("title", "text"), hostile)
                            for same in (True, False)
                        ],
                        "more": 0,
                    }
                ],
            }
        ],
        "kept": [hostile],
        "events": [dict.fromkeys(("number", "at", "what", "about", "who", "why"), hostile)],
        "more_events": 0,
        "proof": [[hostile, hostile]],
        "not_proven": [hostile],
        "check": [hostile],
    }
    assert typesetting.pdf("report.typ", data, tmp_path).startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("text", "from_right"),
    [("مساء 2026", True), ("2026 שלום", True), ("(Вечір) مساء", False), ("🕊️ 12", False), ("", False)],
)
def test_text_begins_on_the_side_of_its_writing(text: str, from_right: bool) -> None:
    assert report.is_from_right(text) is from_right


def test_what_is_derived_bears_the_mark_and_originals_do_not(exported: Exported) -> None:
    rows = attacker.lines(exported.folder / "data" / "derived.jsonl")
    assert {row["kind"] for row in rows} == {"still", "clip", "crop"}
    for row in rows:
        assert RECIPIENT in row["mark"] and row["sha256"] != row["without_mark_sha256"]
        assert row["recipe"] and row["engine"]
    still = next(row for row in rows if row["kind"] == "still")
    with Image.open(exported.folder / "data" / still["file"]) as image:
        foot = np.asarray(image.convert("L"))[-3:]
    assert foot.mean() > 200, "the strip's ground is light, and below the picture"
    clip = next(row for row in rows if row["kind"] == "clip")
    with av.open(str(exported.folder / "data" / clip["file"])) as container:
        pictures = list(container.decode(video=0))
    assert len(pictures) > 50
    assert pictures[0].to_ndarray(format="gray")[-3:].mean() > 200


def test_a_killed_export_leaves_no_package_and_the_next_one_says_so(exported: Exported) -> None:
    assert len(exported.left) == 1 and exported.left[0].startswith(folders.UNFINISHED)
    assert exported.left[0] in exported.told and "it was no package" in exported.told
    assert not list(exported.folder.parent.glob(f"{folders.UNFINISHED}*"))


def test_a_recording_goes_out_without_anybody_it_may_show(exported: Exported) -> None:
    package = exported.folder.parent / "blob"
    assert verify.verify(package).stands
    assert (package / "data" / "decisions.jsonl").read_text() == ""
    assert (package / "data" / "roll_calls.jsonl").read_text() == ""
    assert not (package / "data" / "derived").exists()
    for path in (package / "data").rglob("*"):
        if path.suffix in (".jsonl", ".html", ".txt"):
            assert WANTED not in path.read_text(), path


def test_a_person_goes_out_with_all_candidates(exported: Exported) -> None:
    package = exported.folder.parent / "person"
    assert verify.verify(package).stands
    decisions = attacker.lines(package / "data" / "decisions.jsonl")
    assert exported.candidate in [one["id"] for one in decisions if one["kind"] == "candidate"]
    assert {one["register_number"] for one in decisions if one["kind"] == "candidate"} == {WANTED}
    mine = {one["id"] for one in decisions if one["kind"] == "candidate"}
    for call in attacker.lines(package / "data" / "roll_calls.jsonl"):
        assert call["people"] == sum(call[state] for state in ("accounted_for", "waiting", "unaccounted")) > 0
        named = {one["id"] for face in call["faces"] for one in face["candidates"]}
        assert named and named <= mine


def test_several_candidates_go_out_with_their_recording_once(exported: Exported) -> None:
    package = exported.folder.parent / "several"
    assert verify.verify(package).stands
    decisions = attacker.lines(package / "data" / "decisions.jsonl")
    mine = sorted(one["id"] for one in decisions if one["kind"] == "candidate")
    assert exported.candidate == mine[0] and len(mine) == 2
    assert len([path for path in (package / "data" / "originals").iterdir() if path.suffix == ".mp4"]) == 1
    assert sorted(int(path.name) for path in (package / "data" / "derived").iterdir()) == mine
    report = (package / "data" / "report.html").read_text()
    assert all(f"candidate {one}, register number" in report for one in mine)


def test_what_was_said_against_a_candidate_goes_out_with_it(exported: Exported) -> None:
    decisions = attacker.lines(exported.folder / "data" / "decisions.jsonl")
    (candidate,) = [one for one in decisions if one["kind"] == "candidate"]
    assert {"expected_false", "calibration"} <= candidate.keys()
    (rejection,) = [one for one in decisions if one["kind"] == "rejection"]
    assert rejection["candidates"] == [exported.candidate]
    assert (rejection["reason"], rejection["why_revoked"]) == ("another nose", "it was the light")
    events = [attacker.body(line) for line in attacker.lines(exported.folder / "data" / "custody" / "events.jsonl")]
    assert {"rejected", "rejection revoked"} <= {event["action"] for event in events}
    report = (exported.folder / "data" / "report.html").read_text()
    assert "another nose" in report
    assert "0.4" not in report.partition("Chance")[2][:80]


def test_what_two_people_said_goes_out_as_a_possible_sighting(exported: Exported) -> None:
    decisions = attacker.lines(exported.folder / "data" / "decisions.jsonl")
    said = [one for one in decisions if one["kind"] == "judgement"]
    assert [(one["reviewer"], one["stage"], one["answer"]) for one in said] == [
        ("ada", "triage", 3),
        ("ben", "second", 2),
    ]
    verdicts = [one for one in decisions if one["kind"] == "verdict"]
    assert [one["verdict"] for one in verdicts] == ["open", "possible sighting"]
    assert verdicts[-1]["judgements"] == [one["id"] for one in said]
    events = [attacker.body(line) for line in attacker.lines(exported.folder / "data" / "custody" / "events.jsonl")]
    judged = [event["detail"] for event in events if event["action"] == "judged"]
    assert [one["answer"] for one in judged] == [3, 2]
    report = (exported.folder / "data" / "report.html").read_text()
    assert "by ben (second)" in report and "a possible sighting (judgements: " in report


def test_the_log_says_that_it_left_and_to_whom(exported: Exported) -> None:
    receipt = json.loads((exported.folder / "receipt.json").read_text())
    said = attacker.body(receipt["event"])
    assert (said["action"], said["subject"], said["reason"]) == ("exported", f"candidate:{exported.candidate}", REASON)
    assert (said["detail"]["recipient"], said["detail"]["sha256"]) == (RECIPIENT, exported.sha256)


# --- what cannot go out ------------------------------------------------------------------------------------


@pytest.fixture
def opened(settings: Settings, stores: Stores) -> Any:
    """An office that holds one recording, whose bytes are gone, and one person without candidates."""
    now = utcnow()
    with stores.db.begin() as db:
        source = db.execute(
            insert(tables.sources)
            .values(platform="video_site", address="a", reason="r", legal_basis="l", added_by="x")
            .returning(tables.sources.c.id)
        ).scalar_one()
        common = {"platform": "video_site", "platform_post_id": "p", "permalink": "http://x/p", "seen": "present"}
        seen = {"first_seen_at": now, "last_seen_at": now}
        post = db.execute(
            insert(tables.posts).values(source_id=source, **common, **seen).returning(tables.posts.c.id)
        ).scalar_one()
        held = {"sha256": "a" * 64, "size": 7, "media_type": "video/mp4", "object_key": "blob/gone", "version_id": ""}
        blob = db.execute(
            insert(tables.blobs).values(**held, locked_until=now).returning(tables.blobs.c.id)
        ).scalar_one()
        db.execute(insert(tables.media_items).values(post_id=post, ordinal=0, kind="video", address="x", blob_id=blob))
        db.execute(insert(tables.persons).values(register_number="77", names=["N"], status="missing"))
    with open_app(settings) as app:
        yield app


NO_CASES = (
    ("12", "there is no candidate 12"),
    ("candidate:12", "there is no candidate 12"),
    ("candidate:12,13", "there is no candidate 12 or 13"),
    ("candidate:12,", "is no number of a candidate"),
    ("candidate:x", "is no number of a candidate"),
    ("candidate:" + "9" * 30, "is no number of a candidate"),
    ("b" * 64, "is stored"),
    ("blob:abc", "64 digits"),
    ("77", "write candidate:77 or person:77"),
    ("person:77", "there is no candidate for 77"),
    ("person:78", "the register has no entry 78"),
    ("person:", "register number"),
    ("nobody", "is no candidate's number"),
    ("", "is no candidate's number"),
)
"""what was asked for, and what is said to it"""


def test_a_case_that_there_is_not_is_refused(opened: App, tmp_path: Path) -> None:
    for case, why in NO_CASES:
        with pytest.raises(WrongUse, match=re.escape(why)):
            export(opened, case, tmp_path / "out", "", "a reason")
        assert not (tmp_path / "out").exists(), case


def test_a_folder_that_is_there_or_cannot_be_is_refused(opened: App, tmp_path: Path) -> None:
    for target, why in ((tmp_path, "is there already"), (tmp_path / "no" / "out", "there is no folder")):
        with pytest.raises(WrongUse, match=why):
            export(opened, "a" * 64, target, "", "a reason")
    with pytest.raises(WrongUse, match="--reason"):
        export(opened, "a" * 64, tmp_path / "out", "", "  ")


def test_evidence_that_is_gone_does_not_go_out(opened: App, tmp_path: Path) -> None:
    from storage import custody
    from storage.custody import Action

    with pytest.raises(Failure, match="no head of the custody log is signed yet"):
        export(opened, "a" * 64, tmp_path / "out", "", "a reason")
    with opened.stores.db.begin() as db:
        custody.append(db, "x", Action.STORED, f"blob:{'a' * 64}")
    with pytest.raises(Failure, match="is missing, or cannot be read: nothing was exported"):
        export(opened, "a" * 64, tmp_path / "out", "", "a reason")
    assert not list(tmp_path.glob("*out*")) and not list(tmp_path.glob(f"{folders.UNFINISHED}*"))


def test_a_disk_that_is_too_small_is_told_before(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="make room, or export to another disk"):
        folders.require_room(tmp_path, 1 << 60)


def test_what_another_export_is_making_is_left_alone(tmp_path: Path) -> None:
    told: list[str] = []
    with folders.appearing(tmp_path / "one", told.append) as one:
        (one / "file").write_text("x")
        with folders.appearing(tmp_path / "other", told.append):
            assert (one / "file").exists()
    assert (tmp_path / "one" / "file").read_text() == "x"
    assert told == []
    with pytest.raises(ZeroDivisionError), folders.appearing(tmp_path / "third", told.append):
        _ = 1 / 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]
