"""Figures of a day: each counts what has its moment within the day, to the microsecond, and nothing else."""

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from storage import daily_figures
from storage.daily_figures import DAYS, SERIES, begins
from storage.database import Connection
from tests.storage import judged
from tests.storage.casting import row

DAY = date(2026, 11, 25)
UNTIL = begins(DAY + timedelta(days=1))
SINCE = UNTIL - timedelta(days=DAYS)
TICK = timedelta(microseconds=1)
MOMENTS = (SINCE - TICK, SINCE, UNTIL - timedelta(days=1) - TICK, UNTIL - timedelta(days=1), UNTIL - TICK, UNTIL)
EXPECTED = [1, *([0] * (DAYS - 3)), 1, 2]
"""of MOMENTS: the first lies before all days, the last behind them"""
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


class Story:
    """Rows that hang on others, made as they are needed."""

    def __init__(self, db: Connection) -> None:
        self.db = db
        # Moments of long ago, and answers out of turn: what the rules of judging refuse is not what is tried here.
        judging = ("judgements", "judgement_undos", "verdicts", "hand_overs")
        for table in (*judging, "rejections", "candidates", "known_answers"):
            db.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        self.source = row(
            db,
            "sources",
            platform="video_site",
            address="https://a.example/",
            reason="r",
            legal_basis="b",
            added_by="m",
        )
        self.user = judged.account(db, "ada").id
        self.person = row(db, "persons", register_number="P", names=["N"], status="missing", added_at=LONG_AGO)
        self.photo = self.reference(LONG_AGO)
        self.pair = row(
            db, "known_pairs", genuine=True, probe_photo_id=self.photo, person_id=self.person, photo_id=self.photo,
            engine="e", distance=0.1,
        )  # fmt: skip

    def reference(self, at: datetime) -> int:
        said = {"file_name": "f", "sha256": secrets.token_hex(32), "size": 1, "media_type": "m", "object_key": "k"}
        return row(self.db, "reference_photos", person_id=self.person, added_at=at, **said)

    def post(self, at: datetime) -> int:
        name = secrets.token_hex(4)
        said = {"platform": "video_site", "platform_post_id": name, "permalink": name, "seen": "present"}
        return row(self.db, "posts", source_id=self.source, first_seen_at=at, last_seen_at=at, **said)

    def observation(self, at: datetime, seen: str) -> int:
        said = {"method": "m", "content_hash": "h", "raw_key": "k", "raw_sha256": "s", "title": "t", "text": "x"}
        return row(self.db, "observations", post_id=self.post(LONG_AGO), observed_at=at, seen=seen, **said)

    def file(self, at: datetime, size: int = 1) -> int:
        sha256 = secrets.token_hex(32)
        said = {"media_type": "m", "object_key": sha256, "version_id": "1", "locked_until": at}
        return row(self.db, "blobs", sha256=sha256, size=size, stored_at=at, **said)

    def analysis(self, at: datetime, kind: str, seconds: int = 0) -> int:
        said = {"recipe": "r", "engine": "e", "width": 1, "height": 1, "pictures_decoded": 1, "pictures_sampled": 1}
        more = {"gaps": 0, "complete": True, "shots": [], "duration_ms": seconds * 1000}
        return row(self.db, "analyses", blob_id=self.file(LONG_AGO), analyzed_at=at, kind=kind, **said, **more)

    def track(self, analysis: int, expired: datetime | None = None) -> int:
        said = {"ordinal": 0, "shot": 0, "start_ms": 0, "end_ms": 0, "faces": []}
        return row(self.db, "tracks", analysis_id=analysis, expired_at=expired, **said)

    def candidate(self, at: datetime = LONG_AGO) -> int:
        track = self.track(self.analysis(LONG_AGO, "video"))
        said = {"photo_id": self.photo, "engine": "e", "distance": 0.1, "state": "open", "created_at": at}
        return row(self.db, "candidates", track_id=track, person_id=self.person, **said)

    def review(self, **of: object) -> int:
        insert = """
            INSERT INTO reviews (token, reviewer_id, candidate_id, known_pair_id, ends_at, ended_at, ending)
            VALUES (gen_random_uuid(), :user, :candidate, :pair, now(), :at, :ending) RETURNING id"""
        values = {"user": self.user, "candidate": None, "pair": None, "at": LONG_AGO, "ending": "judged", **of}
        made: int = self.db.execute(text(insert), values).scalar_one()
        return made

    def judgement(self, at: datetime, stage: str) -> int:
        candidate = self.candidate()
        said = {"review_id": self.review(candidate=candidate), "reviewer_id": self.user, "reviewer": "ada"}
        more = {"answer": 1, "features": {}, "shown": {}, "judged_at": at}
        return row(self.db, "judgements", candidate_id=candidate, stage=stage, **said, **more)

    def verdict(self, at: datetime, *said: str) -> None:
        """The last of them at `at`, those before it long ago; then the last one once more, which changes nothing."""
        candidate = self.candidate()
        for each in said[:-1]:
            row(self.db, "verdicts", candidate_id=candidate, verdict=each, judgements=[], made_at=LONG_AGO)
        for number in (1, 2):
            row(self.db, "verdicts", candidate_id=candidate, verdict=said[-1], judgements=[number], made_at=at)

    def event(self, at: datetime, action: str, subject: str, detail: dict[str, object]) -> None:
        seq = self.db.execute(text("SELECT coalesce(max(seq), 0) + 1 FROM custody_events")).scalar_one()
        insert = text("INSERT INTO custody_events (seq, at, actor, action, subject, detail, previous, hash)"
                      " VALUES (:seq, :at, 'a', :action, :subject, CAST(:detail AS jsonb), '', :hash)")  # fmt: skip
        said = {"action": action, "subject": subject, "detail": str(detail).replace("'", '"')}
        self.db.execute(insert, {"seq": seq, "at": at, "hash": secrets.token_bytes(8), **said})

    def stamp(self, at: datetime) -> None:
        size = row_count(self.db, "checkpoints") + 1
        head = "INSERT INTO checkpoints (size, origin, note, peaks, signed_at) VALUES (:size, 'o', 'n', '', :at)"
        self.db.execute(text(head), {"size": size, "at": LONG_AGO})
        day = LONG_AGO.date() + timedelta(days=size)
        of = {"key": f"k{size}", "sha256": "s", "size": 1, "version_id": "v", "locked_until": at}
        self.db.execute(daily_manifest(), {"day": day, **of})
        statement = row(self.db, "stamp_statements", day=day, checkpoint=size, **of)
        request = row(self.db, "stamp_requests", statement_id=statement, authority="a")
        row(self.db, "stamps", request_id=request, complete=True, received_at=at, **of)


def daily_manifest() -> "text":  # type: ignore[valid-type]  # SQLAlchemy's own name for it is long
    return text("INSERT INTO manifests (day, key, sha256, size, version_id, locked_until, objects, first_seq, last_seq)"
                " VALUES (:day, :key, :sha256, :size, :version_id, :locked_until, 1, 1, 1)")  # fmt: skip


def row_count(db: Connection, table: str) -> int:
    made: int = db.execute(text(f"SELECT coalesce(max(size), 0) FROM {table}")).scalar_one()  # noqa: S608  our own
    return made


def tell(story: Story) -> Iterator[tuple[str, Callable[[datetime], object]]]:
    """Figure -> what makes one more of it at a moment."""
    db = story.db
    number = iter(range(1, 10_000))
    yield "posts", story.post
    yield "media", lambda at: row(db, "work", step="fetch", subject=next(number), state="done", created_at=at)
    yield "files", story.file
    yield "missing", lambda at: story.observation(at, "missing")
    yield "gone", lambda at: story.observation(at, "gone")
    yield (
        "deletion_bursts",
        lambda at: row(db, "alerts", kind="deletions", subject=f"s{next(number)}", said="", raised_at=at),
    )
    yield "other_alerts", lambda at: row(db, "alerts", kind="clock", subject=f"s{next(number)}", said="", raised_at=at)
    yield "films", lambda at: story.track(story.analysis(at, "video", 1))
    yield "pictures", lambda at: story.track(story.analysis(at, "image"))
    yield "candidates", story.candidate
    yield "first", lambda at: story.judgement(at, "triage")
    yield "second", lambda at: story.judgement(at, "second")
    yield "senior", lambda at: story.judgement(at, "senior")
    yield (
        "undone",
        lambda at: db.execute(
            text("INSERT INTO judgement_undos VALUES (:one, :user, :at)"),
            {"one": story.judgement(LONG_AGO, "triage"), "user": story.user, "at": at},
        ),
    )
    yield "sighting", lambda at: story.verdict(at, "open", "sighting")
    yield "rejected", lambda at: story.verdict(at, "rejected")
    yield "undecided", lambda at: story.verdict(at, "sighting", "undecided")
    yield "reopened", lambda at: story.verdict(at, "rejected", "open")
    yield "rejected_otherwise", lambda at: row(
        db, "rejections", person_id=story.person, blob_id=story.file(LONG_AGO), reason="r", rejected_by="m",
        track_id=story.track(story.analysis(LONG_AGO, "video")), rejected_at=at,
    )  # fmt: skip
    yield (
        "handed_over",
        lambda at: row(db, "hand_overs", candidate_id=story.candidate(), receiver="r", handed_by="m", handed_at=at),
    )
    yield "read_again", lambda at: story.event(at, "verified", "evidence", {"objects": 1})
    yield "incidents", lambda at: row(db, "incidents", what="w", place=f"p{next(number)}", found_by="m", found_at=at)
    yield "stamps", story.stamp
    yield (
        "entries",
        lambda at: row(db, "persons", register_number=f"P{next(number)}", names=["N"], status="missing", added_at=at),
    )
    yield "photos", story.reference
    yield "expired", lambda at: story.track(story.analysis(LONG_AGO, "video"), at)
    yield (
        "erasures",
        lambda at: db.execute(
            text("INSERT INTO erasure_acts VALUES (:one, 'done', 'm', :at)"),
            {"one": row(db, "erasures", subject="s", reason="r", order_reference="o", asked_by="m"), "at": at},
        ),
    )


def test_each_figure_counts_what_is_of_the_day_to_the_microsecond_and_nothing_else(owner: Engine) -> None:
    with owner.begin() as db:
        story = Story(db)
        told = dict(tell(story))
        for make in told.values():
            for at in MOMENTS:
                make(at)
        for number, at in enumerate(MOMENTS, 1_000):
            head = "INSERT INTO checkpoints (size, origin, note, peaks, signed_at) VALUES (:size, 'o', 'n', '', :at)"
            db.execute(text(head), {"size": number, "at": at})
        found = daily_figures.facts(db, DAY)
    follow = {"film_seconds": "films", "film_faces": "films", "picture_faces": "pictures", "bytes": "files"}
    assert set(told) | set(follow) | {"heads"} == set(SERIES), "every figure is told of"
    wrong = {name: counts for name, counts in found["series"].items() if counts != EXPECTED}
    assert wrong == {}


def test_what_does_not_count_is_left_out(owner: Engine) -> None:
    at = UNTIL - TICK
    with owner.begin() as db:
        story = Story(db)
        row(db, "work", step="analyze", subject=1, state="done", created_at=at)
        story.observation(at, "present")
        story.event(at, "verified", "log", {"events": 7})
        story.event(at, "viewed", "evidence", {"objects": 7})
        asked = row(db, "erasures", subject="s", reason="r", order_reference="o", asked_by="m")
        db.execute(text("INSERT INTO erasure_acts VALUES (:one, 'confirmed', 'm', :at)"), {"one": asked, "at": at})
        rejected = story.candidate()
        of = {"candidate_id": rejected, "verdict": "rejected", "judgements": [1], "made_at": LONG_AGO}
        verdict = row(db, "verdicts", **of)
        row(
            db, "rejections", person_id=story.person, blob_id=story.file(LONG_AGO), reason="r", rejected_by="m",
            track_id=story.track(story.analysis(LONG_AGO, "video")), rejected_at=at, verdict_id=verdict,
        )  # fmt: skip
        found = daily_figures.facts(db, DAY)
    assert {name: counts for name, counts in found["series"].items() if any(counts)} == {}


def test_answers_on_known_pairs_count_among_the_first_ones(owner: Engine) -> None:
    """Else a difference of two figures would tell somebody which of their own were such."""
    with owner.begin() as db:
        story = Story(db)
        for ending in ("judged", "undone"):
            review = story.review(pair=story.pair, at=UNTIL - TICK, ending=ending)
            said = {"known_pair_id": story.pair, "reviewer_id": story.user, "answer": 2, "features": {}}
            row(db, "known_answers", review_id=review, answered_at=UNTIL - TICK, **said)
        series = daily_figures.facts(db, DAY)["series"]
    assert (series["first"][-1], series["undone"][-1]) == (2, 1)


def test_possible_sightings_are_those_that_stood_at_the_end_of_the_day(owner: Engine) -> None:
    year = datetime(2026, 1, 1, tzinfo=UTC)
    with owner.begin() as db:
        story = Story(db)
        for at in (year - TICK, year, UNTIL - TICK, UNTIL):
            story.verdict(at, "sighting")
        story.verdict(UNTIL - TICK, "sighting", "rejected")
        told = [daily_figures.facts(db, day)["sightings"] for day in (DAY, DAY + timedelta(days=1))]
    assert told == [
        {"day": {"sightings": 1, "people": 1}, "year": {"sightings": 2, "people": 1}},
        {"day": {"sightings": 1, "people": 1}, "year": {"sightings": 3, "people": 1}},
    ]


def test_bytes_are_of_whoever_brought_them_first_and_sources_beyond_the_most_are_summed(
    owner: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daily_figures, "MOST_SOURCES", 2)
    with owner.begin() as db:
        story = Story(db)
        files = [story.file(UNTIL - TICK, 5), story.file(UNTIL - timedelta(days=10), 7)]
        for number, name in enumerate("bcd"):
            said = {"platform": "video_site", "reason": "r", "legal_basis": "b", "added_by": "m"}
            story.source = row(db, "sources", address=f"https://{name}.example/", **said)
            for _ in range(4 - number):
                post = story.post(UNTIL - TICK)
            for place, blob in enumerate(files):
                row(db, "media_items", post_id=post, ordinal=place, kind="video", address=f"{place}", blob_id=blob)
        found = daily_figures.facts(db, DAY)["sources"]
    shown = [(one["address"], one["posts"], one["files"], one["files_month"], one["bytes_month"]) for one in found]
    assert shown == [
        ("https://b.example/", 4, 1, 2, 12),
        ("https://c.example/", 3, 0, 0, 0),
        ("", 2, 0, 0, 0),
    ]
    assert found[-1]["others"] == 1


def test_tries_are_read_from_the_journal_whatever_else_stands_in_it(owner: Engine) -> None:
    with owner.begin() as db:
        for at, counts in (
            (UNTIL - TICK, {"fetch": {"done": 3, "WAIT": 1}, "sources": 4, "odd": {"why": "text"}}),
            (UNTIL - timedelta(days=20), {"fetch": {"done": 2}, "analyze": {"DEFECT": 1}}),
            (UNTIL, {"fetch": {"done": 100}}),
        ):
            row(db, "runs", command="c", actor="a", ended_at=at, counts=counts)
        row(db, "runs", command="c", actor="a", counts={})
        found = daily_figures.facts(db, DAY)
    assert found["tries"] == {"fetch": {"done": 3, "WAIT": 1}}
    assert found["tries_month"] == {"fetch": {"done": 5, "WAIT": 1}, "analyze": {"DEFECT": 1}}


def test_how_things_stand(owner: Engine) -> None:
    """What waits and what did not get through, by step and class; sources that are behind, blocked, lost."""
    with owner.begin() as db:
        story = Story(db)
        for number, (state, outcome) in enumerate(
            [("open", None), ("open", "WAIT"), ("quarantined", "DEFECT"), ("done", None), ("failed", "TRANSIENT")]
        ):
            since = LONG_AGO + timedelta(days=number)
            row(db, "work", step="fetch", subject=number, state=state, outcome=outcome, created_at=since)
        sources = {}
        for name in ("fresh", "behind", "blocked", "lost"):
            said = {"platform": "telegram", "reason": "r", "legal_basis": "b", "added_by": "m"}
            sources[name] = row(db, "sources", address=f"@{name}", **said)
            read = text("INSERT INTO telegram_chats (source_id, role, chat, username, title, read_at, refusal)"
                        " VALUES (:of, 'channel', :of, '', '', now() - CAST(:ago AS interval), :refusal)")  # fmt: skip
            ago, refusal = "2 days" if name == "behind" else "1 hour", "private" if name == "lost" else ""
            db.execute(read, {"of": sources[name], "ago": ago, "refusal": refusal})
        row(db, "work", step="collect", subject=sources["blocked"], state="open", outcome="BLOCKED")
        story.candidate()
        found = daily_figures.standing(db)
    assert [(row["step"], row["state"], row["outcome"], row["n"]) for row in found["not_done"]] == [
        ("collect", "open", "BLOCKED", 1),
        ("fetch", "failed", "TRANSIENT", 1),
        ("fetch", "open", "", 1),
        ("fetch", "open", "WAIT", 1),
        ("fetch", "quarantined", "DEFECT", 1),
    ]
    assert found["waits_longest"][0] == {"step": "fetch", "n": 2, "since": "2024-01-01T00:00:00.000000Z"}
    assert {one["address"]: one["state"] for one in found["sources"]} == {
        "@behind": "behind",
        "@blocked": "blocked",
        "@lost": "lost",
        "https://a.example/": "never read",
    }
    assert found["candidates"] == [{"state": "open", "n": 1}]


def test_what_was_collected_and_reached_no_end_is_told(owner: Engine) -> None:
    """Each attachment, file and analysis is counted once: through, waiting, ended otherwise, or nowhere."""
    with owner.begin() as db:
        story = Story(db)
        item = {"kind": "video", "locator": {}, "ordinal": 0}
        held = story.file(LONG_AGO)
        for number, (state, blob) in enumerate(
            [("done", held), ("done", None), ("open", None), ("gone", None), ("quarantined", None), (None, None)]
        ):
            made = row(db, "media_items", post_id=story.post(LONG_AGO), address=str(number), blob_id=blob, **item)
            if state:
                row(db, "work", step="fetch", subject=made, state=state)
        looked = [story.analysis(LONG_AGO, "video") for _ in range(3)]
        row(db, "work", step="match_tracks", recipe="e", subject=looked[0], state="done")
        row(db, "work", step="match_tracks", recipe="f", subject=looked[0], state="open")
        row(db, "work", step="match_tracks", recipe="e", subject=looked[1], state="failed")
        for steps in ({"fingerprint": "open"}, {"fingerprint": "done", "analyze": "skipped"}, {"fingerprint": "done"}):
            file = story.file(LONG_AGO)
            for step, state in steps.items():
                row(db, "work", step=step, recipe="r", subject=file, state=state)
        found = daily_figures.standing(db)
    assert found["ends"] == [
        {"of": "attachments", "n": 6, "through": 1, "waits": 1, "ended": 2, "nowhere": 2},
        {"of": "files", "n": 7, "through": 3, "waits": 1, "ended": 1, "nowhere": 2},
        {"of": "analyses", "n": 3, "through": 1, "waits": 0, "ended": 1, "nowhere": 1},
    ]
    told = [line for line in daily_figures.lines({"facts": _nothing(), "standing": found}) if "ends" in str(line[0])]
    assert ("standing: ends", "files", "nowhere", found["at"], 2) in told


def _nothing() -> daily_figures.Figures:
    none: daily_figures.Figures = {"tries": {}, "tries_month": {}, "sightings": {}, "sources": []}
    return {**none, "day": DAY.isoformat(), "series": {name: [0] * DAYS for name in SERIES}}


def test_who_judges_does_not_learn_from_it_how_many_wait_for_a_second_person(owner: Engine) -> None:
    """And `turn`, which is moved ahead of the moment since when a face waits, is not told as that moment."""
    with owner.begin() as db:
        story = Story(db)
        candidates = [story.candidate() for _ in range(3)]
        for number, stage in enumerate(("triage", "second", "senior")):
            said = {
                "member": number,
                "blob_id": story.file(LONG_AGO),
                "person_id": story.person,
                "judges": [],
                "told": [],
            }
            since = LONG_AGO + timedelta(days=number)
            more = {"since": since, "turn": since - timedelta(days=16), "stage": stage, "threatened": False}
            more |= {"judges": [], "told": []}
            insert = "INSERT INTO review_queue (candidate_id, {}) VALUES (:candidate, {}) ON CONFLICT DO NOTHING"
            values = {**said, **more}
            sql = insert.format(", ".join(values), ", ".join(f":{name}" for name in values))
            db.execute(text(sql), {"candidate": candidates[number], **values})
        found = daily_figures.standing(db)
    assert found["to_judge"] == [{"n": 3, "since": "2024-01-01T00:00:00.000000Z"}]


def test_an_empty_office_has_figures(db: Engine) -> None:
    with db.begin() as open_db:
        found = {"facts": daily_figures.facts(open_db, DAY), "standing": daily_figures.standing(open_db)}
    assert found["facts"]["series"] == {name: [0] * DAYS for name in SERIES}
    assert found["standing"]["unaccounted"] == {"people": 0, "films": 0}
    assert len(list(daily_figures.lines(found))) > DAYS * len(SERIES)
