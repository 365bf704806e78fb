"""A package damaged on purpose, one act a test; most attackers recompute every checksum afterwards."""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from lastseen.clock import iso
from matchers.names import blotting
from pipeline.evidence import verify
from pipeline.evidence.verify import Asked, Finding
from storage import merkle
from storage.notes import Checkpoint, Note, Signer
from tests.pipeline.evidence import attacker, authorities
from tests.pipeline.evidence.attacker import STAMP_DOMAIN, Forger, Line
from tests.pipeline.evidence.conftest import Exported, canonical
from tests.servers.time_stamp_authority import Fault, TimeStampAuthority


def failed(package: Path, asked: Asked | None = None) -> list[Finding]:
    """What does not stand."""
    return [one for one in verify.verify(package, asked).findings if one.state == "failed"]


def found(package: Path, check: str, said: str, where: str = "", asked: Asked | None = None) -> None:
    """This was found, and named."""
    all_of_them = failed(package, asked)
    assert any(one.check == check and said in one.said and where in one.where for one in all_of_them), all_of_them


def own_key(exported: Exported) -> Asked:
    """A reader who got the office's key another way."""
    return Asked(keys=[verify.vkey(exported.key)])


def test_nothing_is_wrong_with_it(exported: Exported) -> None:
    roots = verify.pem_certificates(exported.root.read_text())
    known = [verify.checkpoint(exported.known.read_text())]
    verdict = verify.verify(exported.folder, Asked([verify.vkey(exported.key)], (), known, roots, exported.sha256))
    assert verdict.stands, verdict.findings
    assert [one.check for one in verdict.findings if one.state == "open"] == ["witnesses"]
    assert {one.check for one in verdict.findings if one.state == "ok"} == set(verify.TITLES) - {"witnesses"}


# --- without recomputing anything --------------------------------------------------------------------------


def test_one_changed_byte_in_any_file_is_found_and_named(package: Path) -> None:
    for path in sorted(path for path in package.rglob("*") if path.is_file()):
        content = path.read_bytes()
        place = secrets.randbelow(len(content)) if content else 0
        path.write_bytes(content[:place] + bytes([(content + b"\0")[place] ^ 0x20]) + content[place + 1 :])
        name = path.relative_to(package).as_posix()
        named = {one.where for one in failed(package)} | {one.said for one in failed(package)}
        about_it = {"receipt.json"} if name == "tagmanifest-sha256.txt" else {name}
        assert any(it in text for it in about_it for text in named), f"{name}, byte {place}: {named}"
        path.write_bytes(content)
    assert failed(package) == []


@pytest.mark.parametrize(
    "name",
    ["tagmanifest-sha512.txt", "tagmanifest-sha256.txt", "receipt.json", "data/custody/checkpoint.txt"],
)
def test_the_bytes_of_what_nothing_else_binds_count(package: Path, name: str) -> None:
    path = package / name
    content = path.read_bytes()
    for place in sorted(secrets.randbelow(len(content)) for _ in range(25)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x20]) + content[place + 1 :])
        assert failed(package), f"{name}, byte {place}"


def test_a_removed_file_is_found(package: Path) -> None:
    for path in sorted(path for path in package.rglob("*") if path.is_file() and path.name != "bagit.txt"):
        moved = package.parent / "moved"
        path.rename(moved)
        name = path.relative_to(package).as_posix()
        assert any(name in one.where or name in one.said for one in failed(package)), name
        moved.rename(path)


@pytest.mark.parametrize("name", ["more.txt", "data/more.txt", "data/originals/more", "data/custody/stamps/more.tsr"])
def test_an_added_file_is_found(package: Path, name: str) -> None:
    (package / name).write_text("more")
    found(package, "files", "", name)


def test_links_pipes_and_names_that_lead_out_are_never_followed(package: Path) -> None:
    original = next((package / "data" / "originals").iterdir())
    original.rename(package.parent / "outside")
    original.symlink_to(package.parent / "outside")
    found(package, "files", "no plain file", original.name)
    os.mkfifo(package / "data" / "pipe")
    found(package, "files", "no plain file", "data/pipe")
    manifest = package / "manifest-sha256.txt"
    manifest.write_text(manifest.read_text() + f"{'0' * 64}  data/../../outside\n")
    found(package, "files", "missing", "data/../../outside")
    (package / "data" / "a\nb").write_text("")
    found(package, "files", "does not use", "a\nb")


# --- the attacker recomputes all checksums -----------------------------------------------------------------


def test_an_event_left_out_is_found(package: Path) -> None:
    path = package / "data/custody/events.jsonl"
    whole = attacker.lines(path)
    for left_out in whole:
        attacker.write(path, [line for line in whole if line is not left_out])
        attacker.rebag(package)
        found(package, "receipt", "not the one that the log says was handed over")
        said = attacker.body(left_out)
        if said["action"] in ("stored", "collected", "manifested"):
            where = {"stored": "originals", "collected": "records", "manifested": "manifests"}[said["action"]]
            found(package, where, "the log does not say that it was")


def test_an_event_that_says_something_else_is_found(package: Path) -> None:
    def change(lines: list[Line]) -> None:
        said = attacker.body(lines[3])
        lines[3]["body"] = canonical({**said, "actor": "somebody else"}).decode()

    attacker.edit(package / "data/custody/events.jsonl", change)
    attacker.rebag(package)
    found(package, "events", "its content is not what was hashed", "line 4")


def test_an_event_that_was_hashed_anew_is_not_in_the_signed_log(package: Path) -> None:
    def change(lines: list[Line]) -> None:
        attacker.hashed(lines[3], {**attacker.body(lines[3]), "actor": "somebody else"})

    attacker.edit(package / "data/custody/events.jsonl", change)
    attacker.rebag(package)
    found(package, "events", "is not proven to be in the signed log", "line 4")


def test_a_changed_proof_is_found(package: Path) -> None:
    def change(lines: list[Line]) -> None:
        lines[2]["proof"][0] = hashlib.sha256(b"").hexdigest()

    attacker.edit(package / "data/custody/events.jsonl", change)
    attacker.rebag(package)
    found(package, "events", "is not proven to be in the signed log", "line 3")


def test_the_head_of_another_log_is_found(package: Path, exported: Exported) -> None:
    forger = Forger(package)
    forger.origin = "lastseen/another"
    forger.signer = forger.signer.__class__(forger.origin, forger.private)
    forger.rewrite(lambda said: None)
    found(package, "checkpoint", "not signed by the key of the log", asked=own_key(exported))
    known = Asked(known=[verify.checkpoint(exported.known.read_text())])
    found(package, "earlier checkpoint", "of another log", asked=known)


def test_a_history_rewritten_and_signed_anew_is_found_by_the_readers_key(package: Path, exported: Exported) -> None:
    Forger(package).rewrite(lambda said: said.update(actor="somebody else"))
    found(package, "checkpoint", "not signed by the key of the log", asked=own_key(exported))


def test_a_history_rewritten_and_signed_anew_is_found_by_a_head_from_before(package: Path, exported: Exported) -> None:
    Forger(package).rewrite(lambda said: said.update(actor="somebody else"))
    asked = Asked(known=[verify.checkpoint(exported.known.read_text())])
    found(package, "earlier checkpoint", "one of the two was rewritten", asked=asked)


def test_a_history_rewritten_and_signed_anew_is_found_by_the_time_stamp(package: Path) -> None:
    Forger(package).rewrite(lambda said: said.update(actor="somebody else"))
    found(package, "time stamps", "it stamps something else", ".tsr")


def test_a_history_rewritten_without_its_stamps_is_found_by_the_package_that_was_told(
    package: Path, exported: Exported
) -> None:
    for name in ("stamps", "authorities"):
        shutil.rmtree(package / "data/custody" / name)
    Forger(package).rewrite(lambda said: said.update(reason="another order"))
    verdict = verify.verify(package)
    assert verdict.stands, "it is consistent with itself: without anything from elsewhere nobody can tell"
    assert {"key", "time stamps"} <= {one.check for one in verdict.findings if one.state == "open"}
    found(package, "receipt", "not the one that you were told of", asked=Asked(package=exported.sha256))


def test_an_event_dated_back_is_found(package: Path) -> None:
    """Everything hashed and signed anew; the last event says that it was a year before."""
    forger = Forger(package)
    earlier = forger.at - timedelta(days=365)
    last = max(attacker.body(line)["seq"] for line in attacker.lines(package / "data/custody/events.jsonl"))
    forger.rewrite(lambda said: said.update(at=iso(earlier)) if said["seq"] == last else None)
    found(package, "events", "it is dated before event", f"event {last}")
    found(package, "events", "it is dated back", f"event {last}")


def test_a_key_that_is_not_the_logs_is_found(package: Path) -> None:
    keys = package / "data/custody/keys.txt"
    keys.write_text(f"{Forger(package).signer.verifier()}\n")
    attacker.rebag(package)
    found(package, "checkpoint", "not signed by the key of the log")


def test_an_original_in_the_place_of_another_is_found(package: Path) -> None:
    original = next((package / "data" / "originals").iterdir())
    original.write_bytes(original.read_bytes() + b"more")
    attacker.rebag(package)
    found(package, "originals", "not those that it is named by", original.name)


def test_an_original_in_the_place_of_another_by_its_own_name_is_found(package: Path) -> None:
    original = next((package / "data" / "originals").iterdir())
    content, was = original.read_bytes() + b"more", original.stem
    now = hashlib.sha256(content).hexdigest()
    original.unlink()
    (package / "data" / "originals" / f"{now}.mp4").write_bytes(content)
    for name in ("posts.jsonl", "derived.jsonl", "decisions.jsonl"):
        path = package / "data" / name
        path.write_text(path.read_text().replace(was, now))
    attacker.rebag(package)
    found(package, "originals", "the log does not say that it was stored", now)
    found(package, "originals", "it is not in the package", was)


def test_an_observation_that_says_something_else_is_found(package: Path) -> None:
    for field in ("title", "text"):
        path = package / "data/observations.jsonl"
        kept = path.read_text()

        def change(lines: list[Line], field: str = field) -> None:
            lines[0][field] = "something that nobody published"

        attacker.edit(path, change)
        attacker.rebag(package)
        found(package, "observations", f"its {field} does not stand in its raw record")
        path.write_text(kept)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one.update(observed_at="2027-01-01T00:00:00.000000Z"), "dated after"),
        (lambda one: one.update(raw_key="raw/elsewhere.json"), "raw record is not in the package"),
        (lambda one: one.update(raw_sha256="0" * 64), "raw record is not in the package"),
        (lambda one: one.update(id=one["id"] + 1000), "another observation's"),
        (lambda one: one.update(observed_at="2026-01-01T00:00:00.000000Z"), "not what the log holds the hash of"),
        (lambda one: one.update(seen="missing"), "not what the log holds the hash of"),
        (lambda one: one.update(method="by hand"), "not what the log holds the hash of"),
        (lambda one: one.update(facts={"edited": True}), "not what the log holds the hash of"),
        (lambda one: one.update(audience={"views": 7}), "not what the log holds the hash of"),
    ],
)
def test_an_observation_of_another_record_or_time_is_found(
    package: Path, change: Callable[[Line], None], said: str
) -> None:
    attacker.edit(package / "data/observations.jsonl", lambda lines: change(lines[0]))
    attacker.rebag(package)
    found(package, "observations", said)


def test_a_raw_record_that_says_something_else_is_found(package: Path) -> None:
    path = next(path for path in (package / "data/records").rglob("*.json"))
    was = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(canonical({**json.loads(path.read_bytes()), "title": "something else"}))
    table = package / "data/observations.jsonl"
    table.write_text(table.read_text().replace(was, hashlib.sha256(path.read_bytes()).hexdigest()))
    attacker.rebag(package)
    found(package, "records", "the log does not say that it was received", path.name)


def test_a_post_left_out_is_found(package: Path) -> None:
    attacker.edit(package / "data/posts.jsonl", list.clear)
    attacker.rebag(package)
    found(package, "posts", "it was observed, and is not in the package")


@pytest.mark.parametrize("name", ["report.html", "report.pdf", "decisions.jsonl", "coverage.jsonl", "verify.py"])
def test_what_only_the_receipt_binds_is_found(package: Path, name: str) -> None:
    path = package / "data" / name
    path.write_bytes(path.read_bytes().replace(b"a", b"e"))
    attacker.rebag(package)
    found(package, "receipt", "not the one that the log says was handed over")


def test_a_package_without_its_receipt_is_found(package: Path) -> None:
    (package / "receipt.json").unlink()
    found(package, "receipt", "receipt.json is missing")


def test_a_log_that_goes_on_under_another_name_is_the_same_log(package: Path) -> None:
    forger = Forger(package)
    path = next((package / "data/custody/checkpoints").iterdir())
    old = Checkpoint.parse(Note.parse(path.read_text()).text)
    renamed = Signer("lastseen/renamed", forger.private)
    said = Checkpoint.of(renamed.name, old.size, old.root, old.chain, old.at)
    path.write_text(str(Note(said.text).signed(renamed.sign(said.text))))
    add_key(package, str(renamed.verifier()))
    attacker.rebag(package)
    assert {one.check for one in failed(package)} == {"receipt"}, "nothing but that the package was changed"


# --- who answered what -------------------------------------------------------------------------------------


def answers(lines: list[Line]) -> list[Line]:
    """Those on the one candidate, in order."""
    return [line for line in lines if line["kind"] == "judgement"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one.update(answer=3), "the log says another answer: 2"),
        (lambda one: one.update(stage="senior"), "the log says another stage: second"),
        (lambda one: one.update(candidate=2), "the log says another candidate: 1"),
        (lambda one: one.update(reviewer="carol"), "the log says that another account gave it: ben"),
        (lambda one: one.update(reason="the same scar"), "not what the log holds the hash of"),
        (lambda one: one["shown"].update(photos=[]), "not what the log holds the hash of"),
        (lambda one: one.update(undone_at=one["judged_at"]), "does not say that it was undone"),
        (lambda one: one.update(id=7), "the log does not say that it was given"),
        (lambda one: one.update(kind="remark"), "the log speaks of it, and it is not in the package"),
    ],
)
def test_an_answer_that_says_something_else_is_found(package: Path, change: Callable[[Line], None], said: str) -> None:
    """Also where the office itself handed it out so: its own log holds against it."""
    attacker.edit(package / "data/decisions.jsonl", lambda lines: change(answers(lines)[1]))
    Forger(package).rewrite(lambda event: None)
    found(package, "judgements", said)


def test_a_possible_sighting_that_not_two_people_said_is_found(package: Path) -> None:
    """The office's own log says that Ada answered twice."""
    attacker.edit(package / "data/decisions.jsonl", lambda lines: answers(lines)[1].update(reviewer="ada"))
    Forger(package).rewrite(lambda event: event.update(actor="ada") if event["action"] == "judged" else None)
    found(package, "judgements", "not two people said yes", "candidate 1")
    attacker.edit(
        package / "data/decisions.jsonl",
        lambda lines: lines.__setitem__(slice(None), [line for line in lines if line["kind"] != "verdict"]),
    )
    found(package, "judgements", "no verdict says so", "candidate 1")


def test_an_answer_after_a_look_at_the_record_is_not_called_independent(package: Path) -> None:
    def look(event: Line) -> None:
        if event["action"] == "rejected":  # some event before both answers
            event.update(action="viewed", subject="candidate:1", actor="ben")

    Forger(package).rewrite(look)
    told = [one for one in verify.verify(package).findings if one.check == "judgements" and one.state != "ok"]
    assert [(one.state, one.where) for one in told] == [("open", "judgement:2")]
    assert "looked at the record before" in told[0].said


def test_what_was_erased_from_a_reason_and_another_clock_are_told_and_no_failure(package: Path) -> None:
    def change(lines: list[Line]) -> None:
        answers(lines)[0]["reason"] = f"as {verify.ERASED} said"
        answers(lines)[1]["judged_at"] = "2026-01-01T00:00:00.000000Z"

    assert verify.ERASED == blotting.ERASED
    attacker.edit(package / "data/decisions.jsonl", change)
    told = [one for one in verify.verify(package).findings if one.check == "judgements"]
    assert [(one.state, one.where) for one in told[:2]] == [("open", "judgement:1"), ("open", "judgement:2")]
    assert not any(one.state == "failed" for one in told)


# --- manifests and time stamps -----------------------------------------------------------------------------


def test_a_line_of_a_manifest_left_out_is_found(package: Path) -> None:
    manifest = next((package / "data/custody/manifests").iterdir())
    first, *others = manifest.read_bytes().splitlines(keepends=True)
    said = json.loads(first)
    manifest.write_bytes(canonical({**said, "objects": said["objects"] - 1}) + b"\n" + b"".join(others[1:]))
    attacker.rebag(package)
    found(package, "manifests", "the manifest that it names is not in the package")
    found(package, "manifests", "the log does not say that it was made", manifest.name)


def test_a_manifest_that_leaves_out_what_the_log_has_is_found(package: Path) -> None:
    """The office itself made it so, says the log, in a history that was signed anew."""
    manifest = next((package / "data/custody/manifests").iterdir())
    was = hashlib.sha256(manifest.read_bytes()).hexdigest()
    first, *others = manifest.read_bytes().splitlines(keepends=True)
    said = json.loads(first)
    manifest.write_bytes(canonical({**said, "objects": said["objects"] - 1}) + b"\n" + b"".join(others[1:]))
    now = hashlib.sha256(manifest.read_bytes()).hexdigest()
    Forger(package).rewrite(lambda event: event["detail"].update(sha256=now) if was in str(event) else None)
    found(package, "manifests", "leaves out event", manifest.name)


def test_a_statement_in_the_place_of_another_is_found(package: Path) -> None:
    statement = next((package / "data/custody/stamps").glob("*.json"))
    said = json.loads(statement.read_bytes().removeprefix(STAMP_DOMAIN))
    statement.write_bytes(STAMP_DOMAIN + canonical({**said, "day": "2020-01-01"}))
    attacker.rebag(package)
    found(package, "time stamps", "it stamps something else than its statement", ".tsr")


def test_a_token_of_another_statement_is_found(package: Path, exported: Exported, tmp_path: Path) -> None:
    token = next((package / "data/custody/stamps").glob("*.tsr"))
    with TimeStampAuthority(_copied(exported, tmp_path)) as authority:
        token.write_bytes(authorities.stamped(authority, b"another statement"))
    attacker.rebag(package)
    found(package, "time stamps", "it stamps something else than its statement", token.name)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault.OTHER_CA, "not vouched for"),
        (Fault.EXPIRED, "was not valid at"),
        (Fault.NOT_YET, "was not valid at"),
        (Fault.NO_USAGE, "not for time stamps|do not name"),
        (Fault.DAMAGED, "does not hold"),
    ],
)
def test_a_token_by_the_wrong_authority_is_found(
    package: Path, exported: Exported, tmp_path: Path, fault: Fault, why: str
) -> None:
    token = next((package / "data/custody/stamps").glob("*.tsr"))
    statement = next((package / "data/custody/stamps").glob("*.json"))
    with TimeStampAuthority(_copied(exported, tmp_path)) as authority:
        token.write_bytes(authorities.stamped(authority, statement.read_bytes(), fault))
    attacker.rebag(package)
    assert any(part in one.said for one in failed(package) for part in why.split("|") if one.where.endswith(token.name))


def test_an_authority_that_the_reader_does_not_trust_is_told(package: Path, tmp_path: Path) -> None:
    other = authorities.Small(tmp_path / "other", "p256")
    asked = Asked(roots=verify.pem_certificates(other.root.read_text()))
    found(package, "time stamps", "none of its tokens is vouched for by a root that you gave", asked=asked)


def test_a_stamp_from_before_the_events_is_found(package: Path, exported: Exported, tmp_path: Path) -> None:
    """An authority that dates back: what the log holds by then is younger than the stamp."""
    token = next((package / "data/custody/stamps").glob("*.tsr"))
    statement = next((package / "data/custody/stamps").glob("*.json"))
    with TimeStampAuthority(_copied(exported, tmp_path)) as authority:
        query = authorities.query(authority.folder, statement.read_bytes())
        authority.at = verify.checkpoint(exported.known.read_text()).at - timedelta(days=30)
        token.write_bytes(authority.reply(query))
    attacker.rebag(package)
    assert any(one.check == "time stamps" for one in failed(package))


def test_a_head_that_leaves_the_log_is_found(package: Path) -> None:
    """Two histories: an earlier head of one, in a package of the other."""
    forger = Forger(package)
    path = next((package / "data/custody/checkpoints").iterdir())
    made_up = [hashlib.sha256(bytes([number])).digest() for number in range(int(path.stem))]
    add_key(package, str(forger.signer.verifier()))
    path.write_text(forger.head(made_up, len(made_up)))
    attacker.rebag(package)
    found(package, "checkpoint", "not the continuation of it", path.name)
    assert merkle.Frontier().grown(made_up).size == int(path.stem)


PARSED = {".jsonl", ".json", ".txt", ".tsr", ".pem"}


# --- hostile packages --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "junk",
    [
        b"[" * 100_000 + b"\n",
        b'{"a":' * 100_000 + b"\n",
        b'{"seq":' + b"9" * 100_000 + b"}\n",
        b'{"a":1,"a":2}\n',
        b"\xff\xfe\n",
        b"null\n1\n[]\n",
        b'{"id":{},"post":[],"detail":3,"media":7,"proof":"x","from":"a","sha256":[]}\n',
        b"no end of line",
        b"",
    ],
    ids=range(9),
)
def test_no_content_makes_the_verifier_raise_or_hang(package: Path, junk: bytes) -> None:
    for path in sorted(path for path in (package / "data").rglob("*") if path.suffix in PARSED):
        kept = path.read_bytes()
        path.write_bytes(junk)
        assert failed(package) or kept == junk, path
        path.write_bytes(kept)
    for name in ("receipt.json", "manifest-sha256.txt", "tagmanifest-sha512.txt", "bagit.txt"):
        kept = (package / name).read_bytes()
        (package / name).write_bytes(junk)
        assert failed(package)
        (package / name).write_bytes(kept)


def test_what_a_package_says_is_printed_without_what_a_terminal_would_act_on() -> None:
    assert verify.plain("\x1b[2J\u202eabc\nd") == "\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}abc" + (
        "\N{REPLACEMENT CHARACTER}d"
    )


def add_key(package: Path, key: str) -> None:
    """Have the package say that this is a key of the log."""
    path = package / "data/custody/keys.txt"
    path.write_text(f"{path.read_text()}{key}\n")


def _copied(exported: Exported, tmp_path: Path) -> Path:
    """The authority's folder, for this test alone."""
    return Path(shutil.copytree(exported.root.parent, tmp_path / "authority"))
