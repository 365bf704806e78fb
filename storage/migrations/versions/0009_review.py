"""Review: who looks at what, what they said, what it came to, and known pairs that measure them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.migrations import judging
from storage.migrations.facts import defend_but_erasure

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# `lastseen.judging.Compared.excludes`, over the whole list.
EXCLUDES = """
    CREATE FUNCTION excludes(features jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT coalesce(bool_or(line ->> 'comparison' = 'different' AND btrim(coalesce(line ->> 'explained', '')) = ''),
                        false)
          FROM jsonb_each(features) AS listed (feature, line)
         WHERE feature IN ('ears', 'scars', 'marks')
    $$"""
# Whether what a file shows may soon be all that is left: a post with it has disappeared, its channel has closed, or
# three other posts of its source have disappeared within thirty days.
REVIEW_THREATENED = """
    CREATE FUNCTION review_threatened(blob bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT EXISTS (
            SELECT FROM media_items JOIN posts ON posts.id = post_id
             WHERE media_items.blob_id = blob
               AND (seen <> 'present'
                    OR EXISTS (SELECT FROM telegram_chats
                                WHERE telegram_chats.source_id = posts.source_id AND refusal <> '')
                    OR (SELECT count(*) FROM (SELECT FROM posts AS other
                                               WHERE other.source_id = posts.source_id
                                                 AND other.missing_since > now() - interval '30 days'
                                               LIMIT 3) AS lost) = 3))
    $$"""
# Tracks in: whatever is asked about the faces that these and their casts show is queued as it stands now.  Rows are
# put in order, and nobody who waits for one of them holds another: `storage.review_queue` skips what is locked.
# A face's place is that of the time since it waits, moved ahead: see `storage.review_queue`.
QUEUE_UP = """
    CREATE FUNCTION queue_up(touched bigint[]) RETURNS void LANGUAGE sql AS $$
        WITH RECURSIVE reached (start, track) AS (
            SELECT track, track FROM unnest(touched) AS track
             UNION SELECT start, CASE track WHEN one_track_id THEN other_track_id ELSE one_track_id END
              FROM reached JOIN cast_links ON track IN (one_track_id, other_track_id) AND withdrawn_at IS NULL),
             faces AS (SELECT DISTINCT track, min(track) OVER (PARTITION BY start) AS member FROM reached),
             asked AS (
            SELECT candidates.id AS candidate, member, blob_id AS blob, person_id AS person, created_at, due AS stage,
                   expected_false <= 0.001 AS rare, review_threatened(blob_id) AS threatened,
                   ARRAY(SELECT DISTINCT reviewer_id FROM judgements_of(candidates.id) AS said
                          WHERE NOT EXISTS (SELECT FROM judgement_undos WHERE judgement_id = said.id)
                          ORDER BY reviewer_id) AS judges,
                   told_of(candidates.id) AS told
              FROM faces
              JOIN candidates ON track_id = faces.track AND state = 'open' AND due IS NOT NULL
              JOIN tracks ON tracks.id = faces.track
              JOIN analyses ON analyses.id = analysis_id),
             gone AS (
            DELETE FROM review_queue USING candidates, faces
             WHERE candidates.id = candidate_id AND candidates.track_id = faces.track
               AND candidate_id NOT IN (SELECT candidate FROM asked))
        INSERT INTO review_queue AS held (candidate_id, member, blob_id, person_id, stage, judges, told, threatened,
                                          since, turn)
        SELECT candidate, member, blob, person, stage, judges, told, threatened,
               min(created_at) OVER face,
               min(created_at) OVER face - CASE WHEN threatened THEN interval '336 hours' ELSE interval '0' END
                                         - CASE WHEN bool_or(rare) OVER face THEN interval '48 hours'
                                                ELSE interval '0' END
                                         - CASE WHEN stage <> 'triage' THEN interval '48 hours' ELSE interval '0' END
          FROM asked WINDOW face AS (PARTITION BY member)
         ORDER BY candidate
        ON CONFLICT (candidate_id) DO UPDATE
           SET member = excluded.member, stage = excluded.stage, judges = excluded.judges,
               told = excluded.told, threatened = excluded.threatened, since = excluded.since, turn = excluded.turn,
               taken_by = CASE WHEN held.stage = excluded.stage THEN held.taken_by END,
               taken_until = CASE WHEN held.stage = excluded.stage THEN held.taken_until END
         WHERE (held.member, held.stage, held.judges, held.told, held.threatened, held.since, held.turn)
               IS DISTINCT FROM
               (excluded.member, excluded.stage, excluded.judges, excluded.told, excluded.threatened, excluded.since,
                excluded.turn)
    $$"""
# What the queue follows, whoever writes it: candidates, their states and what is due, which judgements follow into
# (`candidates.arrange`), casts, and posts that disappear.
TRACKS_TOUCHED = {
    "candidates_made": "SELECT track_id FROM made",
    "candidates_changed": """
        SELECT made.track_id FROM made JOIN gone USING (id)
         WHERE (made.state, made.due, made.expected_false)
               IS DISTINCT FROM (gone.state, gone.due, gone.expected_false)""",
    "judgements_told": "SELECT track_id FROM made JOIN candidates ON candidates.id = candidate_id",
    "links_changed": """
        SELECT unnest(ARRAY[made.one_track_id, made.other_track_id]) FROM made JOIN gone USING (id)
         WHERE made.withdrawn_at IS DISTINCT FROM gone.withdrawn_at""",
    "posts_changed": """
        SELECT track_id FROM made JOIN gone USING (id)
          JOIN media_items ON media_items.post_id = made.id
          JOIN review_queue ON review_queue.blob_id = media_items.blob_id
          JOIN candidates ON candidates.id = candidate_id
         WHERE made.seen <> gone.seen""",
}
FOLLOWED = {
    "candidates_made": ("candidates", "INSERT"),
    "candidates_changed": ("candidates", "UPDATE"),
    "judgements_told": ("also_judged", "INSERT"),
    "links_changed": ("cast_links", "UPDATE"),
    "posts_changed": ("posts", "UPDATE"),
}
# Whoever is told of something while it waits gets it no more.  A row that somebody works on at this moment is passed
# by, so that no page waits for one: `storage.review_queue` asks once more when it gives something out.  What people
# were told who do not judge is looked up when they begin to.
TOLD = """
    CREATE FUNCTION queue_without_told() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE review_queue SET told = told_of(candidate_id)
         WHERE candidate_id IN (
            SELECT candidate_id FROM review_queue
             WHERE candidate_id IN (SELECT ask_alike(made.candidate_id) FROM made
                                      JOIN users ON users.id = user_id AND roles && '{analyst,senior}')
             ORDER BY candidate_id FOR UPDATE SKIP LOCKED);
        RETURN NULL;
    END $$"""
TOLD_OF_PEOPLE = """
    CREATE FUNCTION queue_without_told_of_people() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE review_queue SET told = told_of(candidate_id)
         WHERE candidate_id IN (
            SELECT candidate_id FROM review_queue
             WHERE person_id IN (SELECT same_people(made.person_id) FROM made
                                   JOIN users ON users.id = user_id AND roles && '{analyst,senior}')
             ORDER BY candidate_id FOR UPDATE SKIP LOCKED);
        RETURN NULL;
    END $$"""
JUDGES_NOW = """
    CREATE FUNCTION queue_without_new_judge() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE review_queue SET told = told_of(candidate_id)
         WHERE candidate_id IN (
            SELECT candidate_id FROM review_queue WHERE was_told(NEW.id, candidate_id)
             ORDER BY candidate_id FOR UPDATE SKIP LOCKED);
        RETURN NULL;
    END $$"""
TELLING = (
    TOLD,
    """CREATE TRIGGER queue_without_told AFTER INSERT ON tellings REFERENCING NEW TABLE AS made
       FOR EACH STATEMENT EXECUTE FUNCTION queue_without_told()""",
    TOLD_OF_PEOPLE,
    """CREATE TRIGGER queue_without_told_of_people AFTER INSERT ON tellings_of_people REFERENCING NEW TABLE AS made
       FOR EACH STATEMENT EXECUTE FUNCTION queue_without_told_of_people()""",
    JUDGES_NOW,
    """CREATE TRIGGER queue_without_new_judge AFTER UPDATE OF roles ON users FOR EACH ROW
       WHEN (NEW.roles && '{analyst,senior}' AND NOT OLD.roles && '{analyst,senior}')
       EXECUTE FUNCTION queue_without_new_judge()""",
)
READ_BY = ("actor", "action", "subject")
"""columns by which the custody log is read, beside its numbers"""
FACTS = ("judgements", "judgement_undos", "verdicts", "hand_overs", "packages", "tellings", "tellings_of_people")
# What is measured of employees is not changed either, but it ends: `LASTSEEN_FIGURES_DAYS`.
UNCHANGED = """
    CREATE TRIGGER unchanged BEFORE UPDATE OR TRUNCATE ON known_answers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(EXCLUDES)
    for table in ("best_shots", "reference_photos"):
        op.add_column(table, sa.Column("eyes", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("candidates", sa.Column("clip_frames", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.create_table(
        "content_warnings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("blob_id", sa.BigInteger(), nullable=False),
        sa.Column("said_by", sa.Text(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name=op.f("ck_content_warnings_withdrawn_by_somebody")
        ),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name=op.f("fk_content_warnings_blob_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_warnings")),
        comment="a file shows what not everybody should meet unprepared: its pictures stay covered until asked for",
    )
    op.create_index(op.f("ix_content_warnings_blob_id"), "content_warnings", ["blob_id"], unique=False)
    op.create_table(
        "known_pairs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("genuine", sa.Boolean(), nullable=False),
        sa.Column("probe_photo_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("photo_id", sa.BigInteger(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("distance", sa.Double(), nullable=False),
        sa.Column("probe_key", sa.Text(), nullable=True),
        sa.Column("still_key", sa.Text(), nullable=True),
        sa.Column("eyes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("film", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_known_pairs_person_id")),
        sa.ForeignKeyConstraint(["photo_id"], ["reference_photos.id"], name=op.f("fk_known_pairs_photo_id")),
        sa.ForeignKeyConstraint(
            ["probe_photo_id"], ["reference_photos.id"], name=op.f("fk_known_pairs_probe_photo_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_pairs")),
        sa.UniqueConstraint(
            "probe_photo_id", "person_id", "photo_id", name=op.f("uq_known_pairs_probe_photo_id_person_id_photo_id")
        ),
        comment="two photos of the register of which is known whether they show one person: they measure reviewers;"
        " probe_key, still_key: the probe as if it came from a picture, in the derived bucket; film: as if from a film",
    )
    op.create_index(op.f("ix_known_pairs_person_id"), "known_pairs", ["person_id"], unique=False)
    op.create_index(op.f("ix_known_pairs_photo_id"), "known_pairs", ["photo_id"], unique=False)
    op.create_index(op.f("ix_known_pairs_probe_photo_id"), "known_pairs", ["probe_photo_id"], unique=False)
    op.create_table(
        "hand_overs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("candidate_id", sa.BigInteger(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("handed_by", sa.Text(), nullable=False),
        sa.Column("handed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidates.id"], name=op.f("fk_hand_overs_candidate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hand_overs")),
        comment="a possible sighting was given to a case officer",
    )
    op.create_index(op.f("ix_hand_overs_candidate_id"), "hand_overs", ["candidate_id"], unique=False)
    op.create_index(
        "ix_candidates_sighting", "candidates", ["id"], unique=False, postgresql_where=sa.text("state = 'sighting'")
    )
    _make_packages()
    for column in READ_BY:
        op.create_index(f"ix_custody_events_{column}", "custody_events", [column, "seq"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("token", sa.UUID(), nullable=False),
        sa.Column("reviewer_id", sa.BigInteger(), nullable=False),
        sa.Column("candidate_id", sa.BigInteger(), nullable=True),
        sa.Column("known_pair_id", sa.BigInteger(), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("described_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("described", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("draft", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ending", sa.Text(), server_default="", nullable=False),
        sa.Column("filters", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("warned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("as_film", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("graphic_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ahead", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("(ended_at IS NULL) = (ending = '')", name=op.f("ck_reviews_ended_somehow")),
        sa.CheckConstraint("(candidate_id IS NULL) <> (known_pair_id IS NULL)", name=op.f("ck_reviews_of_one")),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidates.id"], name=op.f("fk_reviews_candidate_id")),
        sa.ForeignKeyConstraint(["known_pair_id"], ["known_pairs.id"], name=op.f("fk_reviews_known_pair_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["users.id"], name=op.f("fk_reviews_reviewer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
        sa.UniqueConstraint("token", name=op.f("uq_reviews_token")),
        comment="one person takes up one candidate, or a known pair: the token is the address of the page and all on"
        " it; described: what was seen of the probe before the reference was shown; ahead: reserved, and not looked at",
    )
    op.create_index(op.f("ix_reviews_candidate_id"), "reviews", ["candidate_id"], unique=False)
    op.create_index(op.f("ix_reviews_known_pair_id"), "reviews", ["known_pair_id"], unique=False)
    op.create_index(
        "ix_reviews_live", "reviews", ["reviewer_id", "id"], unique=False, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index(op.f("ix_reviews_reviewer_id"), "reviews", ["reviewer_id"], unique=False)
    op.create_table(
        "verdicts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("candidate_id", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("judgements", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('open', 'rejected', 'undecided', 'sighting')", name=op.f("ck_verdicts_verdict")
        ),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidates.id"], name=op.f("fk_verdicts_candidate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdicts")),
        comment="what the judgements on a candidate that stood at that moment came to; the newest counts",
    )
    op.create_index(op.f("ix_verdicts_candidate_id"), "verdicts", ["candidate_id"], unique=False)
    op.create_index("ix_verdicts_newest", "verdicts", ["candidate_id", "id"], unique=False)
    op.create_table(
        "judgements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("candidate_id", sa.BigInteger(), nullable=False),
        sa.Column("review_id", sa.BigInteger(), nullable=False),
        sa.Column("reviewer_id", sa.BigInteger(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("answer", sa.SmallInteger(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("features", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("shown", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("supersedes", sa.BigInteger(), nullable=True),
        sa.Column("judged_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("answer IS NOT NULL OR reason <> ''", name=op.f("ck_judgements_not_comparable_why")),
        sa.CheckConstraint("stage IN ('triage', 'second', 'senior')", name=op.f("ck_judgements_stage")),
        sa.CheckConstraint(
            "NOT excludes(features) OR coalesce(answer, 0) <= -2", name=op.f("ck_judgements_difference_excludes")
        ),
        sa.CheckConstraint("answer BETWEEN -3 AND 3", name=op.f("ck_judgements_scale")),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidates.id"], name=op.f("fk_judgements_candidate_id")),
        sa.ForeignKeyConstraint(["review_id"], ["reviews.id"], name=op.f("fk_judgements_review_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["users.id"], name=op.f("fk_judgements_reviewer_id")),
        sa.ForeignKeyConstraint(["supersedes"], ["judgements.id"], name=op.f("fk_judgements_supersedes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_judgements")),
        comment="one reviewer's answer on one candidate; features: of the list, what was compared and how; shown: the"
        " pictures and photos that the answer rests on",
    )
    op.create_index(op.f("ix_judgements_candidate_id"), "judgements", ["candidate_id"], unique=False)
    op.create_index(op.f("ix_judgements_review_id"), "judgements", ["review_id"], unique=False)
    op.create_index(op.f("ix_judgements_reviewer_id"), "judgements", ["reviewer_id"], unique=False)
    op.create_index(op.f("ix_judgements_supersedes"), "judgements", ["supersedes"], unique=False)
    op.create_table(
        "known_answers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("known_pair_id", sa.BigInteger(), nullable=False),
        sa.Column("review_id", sa.BigInteger(), nullable=False),
        sa.Column("reviewer_id", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.SmallInteger(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("features", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("answer BETWEEN -3 AND 3", name=op.f("ck_known_answers_scale")),
        sa.ForeignKeyConstraint(["known_pair_id"], ["known_pairs.id"], name=op.f("fk_known_answers_known_pair_id")),
        sa.ForeignKeyConstraint(["review_id"], ["reviews.id"], name=op.f("fk_known_answers_review_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["users.id"], name=op.f("fk_known_answers_reviewer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_answers")),
        comment="what a reviewer said of a known pair, without knowing that it was one; never a judgement",
    )
    op.create_index(op.f("ix_known_answers_known_pair_id"), "known_answers", ["known_pair_id"], unique=False)
    op.create_index(op.f("ix_known_answers_review_id"), "known_answers", ["review_id"], unique=False)
    op.create_index(op.f("ix_known_answers_reviewer_id"), "known_answers", ["reviewer_id"], unique=False)
    op.create_table(
        "judgement_undos",
        sa.Column("judgement_id", sa.BigInteger(), nullable=False),
        sa.Column("reviewer_id", sa.BigInteger(), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["judgement_id"], ["judgements.id"], name=op.f("fk_judgement_undos_judgement_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["users.id"], name=op.f("fk_judgement_undos_reviewer_id")),
        sa.PrimaryKeyConstraint("judgement_id", name=op.f("pk_judgement_undos")),
        comment="taken back by its reviewer within a minute: as if it had never been said",
    )
    op.create_index(op.f("ix_judgement_undos_reviewer_id"), "judgement_undos", ["reviewer_id"], unique=False)
    op.create_table(
        "also_judged",
        sa.Column("judgement_id", sa.BigInteger(), nullable=False),
        sa.Column("candidate_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidates.id"], name=op.f("fk_also_judged_candidate_id")),
        sa.ForeignKeyConstraint(["judgement_id"], ["judgements.id"], name=op.f("fk_also_judged_judgement_id")),
        sa.PrimaryKeyConstraint("judgement_id", "candidate_id", name=op.f("pk_also_judged")),
        comment="candidates that ask the same of the same face as the one that was judged: the judgement counts for"
        " them, too",
    )
    op.create_index(op.f("ix_also_judged_candidate_id"), "also_judged", ["candidate_id"], unique=False)
    op.create_table(
        "tellings",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("candidate_id", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidates.id"], name=op.f("fk_tellings_candidate_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tellings_user_id")),
        sa.PrimaryKeyConstraint("user_id", "candidate_id", name=op.f("pk_tellings")),
        comment="an account was shown whom a candidate is about, or what was answered: it is not asked about that any"
        " more",
    )
    op.create_index(op.f("ix_tellings_candidate_id"), "tellings", ["candidate_id"], unique=False)
    op.create_table(
        "tellings_of_people",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_tellings_of_people_person_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tellings_of_people_user_id")),
        sa.PrimaryKeyConstraint("user_id", "person_id", name=op.f("pk_tellings_of_people")),
        comment="an account was shown what was said of a person: it is asked about no face that is compared with them,"
        " whenever that is found",
    )
    op.create_index(op.f("ix_tellings_of_people_person_id"), "tellings_of_people", ["person_id"], unique=False)
    op.add_column("candidates", sa.Column("due", sa.Text(), server_default="triage", nullable=True))
    op.add_column("rejections", sa.Column("verdict_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_rejections_verdict_id"), "rejections", "verdicts", ["verdict_id"], ["id"])
    op.create_index(op.f("ix_rejections_verdict_id"), "rejections", ["verdict_id"], unique=False)
    op.add_column(
        "rejection_revocations", sa.Column("sets_aside", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    for table in FACTS:
        defend_but_erasure(table)
    op.execute(UNCHANGED)
    op.execute("ALTER TABLE known_answers ENABLE ALWAYS TRIGGER unchanged")  # also in a session that replays
    for statement in judging.MAKE:
        op.execute(statement)
    _make_queue()


def _make_packages() -> None:
    op.create_table(
        "packages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("candidate_id", sa.BigInteger(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("btrim(recipient) <> '' AND btrim(reason) <> ''", name=op.f("ck_packages_for_whom_and_why")),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidates.id"], name=op.f("fk_packages_candidate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_packages")),
        comment="packages of evidence that somebody asked for on the pages: for whom, and why it leaves the office",
    )
    op.create_index(op.f("ix_packages_candidate_id"), "packages", ["candidate_id"], unique=False)
    op.create_table(
        "package_files",
        sa.Column("package_id", sa.BigInteger(), nullable=False),
        sa.Column("export_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("log_key", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["package_id"], ["packages.id"], name=op.f("fk_package_files_package_id")),
        sa.PrimaryKeyConstraint("package_id", name=op.f("pk_package_files")),
        comment="packages that were made; sha256: of what binds every file in one; removed_at: it can be fetched no"
        " more",
    )


def _make_queue() -> None:
    op.add_column("persons", sa.Column("region", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "review_queue",
        sa.Column("candidate_id", sa.BigInteger(), nullable=False),
        sa.Column("member", sa.BigInteger(), nullable=False),
        sa.Column("blob_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("judges", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("told", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("threatened", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("turn", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", sa.BigInteger(), nullable=True),
        sa.Column("taken_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name=op.f("fk_review_queue_blob_id")),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidates.id"], name=op.f("fk_review_queue_candidate_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_review_queue_person_id")),
        sa.ForeignKeyConstraint(["taken_by"], ["users.id"], name=op.f("fk_review_queue_taken_by")),
        sa.PrimaryKeyConstraint("candidate_id", name=op.f("pk_review_queue")),
        comment="open candidates for which somebody's judgement is due, by turn; follows the facts, by triggers;"
        " member: least of the tracks of the face; taken_by: who looks at the face, or is about to",
    )
    op.create_index(op.f("ix_review_queue_blob_id"), "review_queue", ["blob_id"], unique=False)
    op.create_index(op.f("ix_review_queue_person_id"), "review_queue", ["person_id"], unique=False)
    op.create_index("ix_review_queue_member", "review_queue", ["member"], unique=False)
    op.create_index("ix_review_queue_turn", "review_queue", ["turn", "candidate_id"], unique=False)
    op.create_index(
        "ix_review_queue_faces", "review_queue", [sa.text("threatened DESC"), "since", "member"], unique=False
    )
    op.create_index(
        "ix_review_queue_taken",
        "review_queue",
        ["taken_by"],
        unique=False,
        postgresql_where=sa.text("taken_by IS NOT NULL"),
    )
    op.create_index("ix_reviews_ended", "reviews", ["reviewer_id", "ended_at"], unique=False)
    op.create_index(
        "ix_reviews_graphic",
        "reviews",
        ["reviewer_id", "graphic_at"],
        unique=False,
        postgresql_where=sa.text("graphic_at IS NOT NULL"),
    )
    op.create_index(
        "ix_posts_lost",
        "posts",
        ["source_id", "missing_since"],
        unique=False,
        postgresql_where=sa.text("missing_since IS NOT NULL"),
    )
    op.create_table(
        "review_pauses",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_review_pauses_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_review_pauses")),
        comment="who wants nothing to be offered now; the row goes when they go on, and nothing is kept of it",
    )
    op.create_table(
        "limit_lifts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("lifted_by", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("btrim(reason) <> ''", name=op.f("ck_limit_lifts_why")),
        sa.CheckConstraint("user_id <> lifted_by", name=op.f("ck_limit_lifts_by_another")),
        sa.ForeignKeyConstraint(["lifted_by"], ["users.id"], name=op.f("fk_limit_lifts_lifted_by")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_limit_lifts_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_limit_lifts")),
        comment="a senior had somebody go on beyond the day's limit, for the rest of that day (UTC)",
    )
    op.create_index(op.f("ix_limit_lifts_user_id"), "limit_lifts", ["user_id"], unique=False)
    defend_but_erasure("limit_lifts")
    for function in (REVIEW_THREATENED, QUEUE_UP):
        op.execute(function)
    for statement in TELLING:
        op.execute(statement)
    for name, (table, when) in FOLLOWED.items():
        op.execute(f"""
            CREATE FUNCTION queue_up_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE
                touched bigint[];
            BEGIN
                SELECT array_agg(DISTINCT track) INTO touched FROM ({TRACKS_TOUCHED[name]}) AS those (track);
                IF touched IS NOT NULL THEN
                    PERFORM queue_up(touched);
                END IF;
                RETURN NULL;
            END $$""")  # noqa: S608  our own words
        tables = "NEW TABLE AS made" + (" OLD TABLE AS gone" if when == "UPDATE" else "")
        op.execute(
            f"CREATE TRIGGER queue_up_{name} AFTER {when} ON {table} REFERENCING {tables}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION queue_up_{name}()"
        )
    op.execute("SELECT queue_up(array_agg(DISTINCT track_id)) FROM candidates WHERE state = 'open'")


def _drop_queue() -> None:
    for name, (table, _) in FOLLOWED.items():
        op.execute(f"DROP TRIGGER queue_up_{name} ON {table}")
        op.execute(f"DROP FUNCTION queue_up_{name}()")
    op.execute("DROP TRIGGER queue_without_new_judge ON users")
    op.execute("DROP TRIGGER queue_without_told ON tellings")
    op.execute("DROP TRIGGER queue_without_told_of_people ON tellings_of_people")
    for function in (
        *("queue_without_new_judge()", "queue_without_told()", "queue_without_told_of_people()"),
        *("queue_up(bigint[])", "review_threatened(bigint)"),
    ):
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("limit_lifts")
    op.drop_table("review_pauses")
    op.drop_index("ix_posts_lost", table_name="posts")
    op.drop_index("ix_reviews_ended", table_name="reviews")
    op.drop_table("review_queue")
    op.drop_column("persons", "region")


def downgrade() -> None:
    """Remove them, and what they held."""
    _drop_queue()
    for statement in judging.REMOVE:
        op.execute(statement)
    op.drop_column("rejection_revocations", "sets_aside")
    op.drop_index(op.f("ix_rejections_verdict_id"), table_name="rejections")
    op.drop_constraint(op.f("fk_rejections_verdict_id"), "rejections", type_="foreignkey")
    op.drop_column("rejections", "verdict_id")
    op.drop_column("candidates", "due")
    op.drop_index(op.f("ix_tellings_of_people_person_id"), table_name="tellings_of_people")
    op.drop_table("tellings_of_people")
    op.drop_index(op.f("ix_tellings_candidate_id"), table_name="tellings")
    op.drop_table("tellings")
    op.drop_index(op.f("ix_also_judged_candidate_id"), table_name="also_judged")
    op.drop_table("also_judged")
    op.drop_index(op.f("ix_judgement_undos_reviewer_id"), table_name="judgement_undos")
    op.drop_table("judgement_undos")
    op.drop_index(op.f("ix_known_answers_reviewer_id"), table_name="known_answers")
    op.drop_index(op.f("ix_known_answers_review_id"), table_name="known_answers")
    op.drop_index(op.f("ix_known_answers_known_pair_id"), table_name="known_answers")
    op.drop_table("known_answers")
    op.drop_index(op.f("ix_judgements_supersedes"), table_name="judgements")
    op.drop_index(op.f("ix_judgements_reviewer_id"), table_name="judgements")
    op.drop_index(op.f("ix_judgements_review_id"), table_name="judgements")
    op.drop_index(op.f("ix_judgements_candidate_id"), table_name="judgements")
    op.drop_table("judgements")
    op.drop_index("ix_verdicts_newest", table_name="verdicts")
    op.drop_index(op.f("ix_verdicts_candidate_id"), table_name="verdicts")
    op.drop_table("verdicts")
    op.drop_index(op.f("ix_reviews_reviewer_id"), table_name="reviews")
    op.drop_index("ix_reviews_live", table_name="reviews", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_index(op.f("ix_reviews_known_pair_id"), table_name="reviews")
    op.drop_index(op.f("ix_reviews_candidate_id"), table_name="reviews")
    op.drop_table("reviews")
    op.drop_table("package_files")
    op.drop_index(op.f("ix_packages_candidate_id"), table_name="packages")
    op.drop_table("packages")
    for column in READ_BY:
        op.drop_index(f"ix_custody_events_{column}", table_name="custody_events")
    op.drop_index("ix_candidates_sighting", table_name="candidates", postgresql_where=sa.text("state = 'sighting'"))
    op.drop_index(op.f("ix_hand_overs_candidate_id"), table_name="hand_overs")
    op.drop_table("hand_overs")
    op.drop_index(op.f("ix_known_pairs_probe_photo_id"), table_name="known_pairs")
    op.drop_index(op.f("ix_known_pairs_photo_id"), table_name="known_pairs")
    op.drop_index(op.f("ix_known_pairs_person_id"), table_name="known_pairs")
    op.drop_table("known_pairs")
    op.drop_index(op.f("ix_content_warnings_blob_id"), table_name="content_warnings")
    op.drop_table("content_warnings")
    op.drop_column("candidates", "clip_frames")
    for table in ("best_shots", "reference_photos"):
        op.drop_column(table, "eyes")
    op.execute("DROP FUNCTION excludes(jsonb)")
