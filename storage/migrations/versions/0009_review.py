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
FACTS = ("judgements", "judgement_undos", "verdicts", "hand_overs", "known_answers")


def upgrade() -> None:
    """Make the tables."""
    op.execute(EXCLUDES)
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
        comment="two photos of the register of which is known whether they show one person: they measure reviewers",
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
        sa.CheckConstraint("(ended_at IS NULL) = (ending = '')", name=op.f("ck_reviews_ended_somehow")),
        sa.CheckConstraint("(candidate_id IS NULL) <> (known_pair_id IS NULL)", name=op.f("ck_reviews_of_one")),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidates.id"], name=op.f("fk_reviews_candidate_id")),
        sa.ForeignKeyConstraint(["known_pair_id"], ["known_pairs.id"], name=op.f("fk_reviews_known_pair_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["users.id"], name=op.f("fk_reviews_reviewer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
        sa.UniqueConstraint("token", name=op.f("uq_reviews_token")),
        comment="one person takes up one candidate, or a known pair: the token is the address of the page and all on"
        " it; described: what was seen of the probe before the reference was shown",
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
    op.add_column("candidates", sa.Column("due", sa.Text(), server_default="triage", nullable=True))
    op.add_column("rejections", sa.Column("verdict_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_rejections_verdict_id"), "rejections", "verdicts", ["verdict_id"], ["id"])
    op.create_index(op.f("ix_rejections_verdict_id"), "rejections", ["verdict_id"], unique=False)
    op.add_column(
        "rejection_revocations", sa.Column("sets_aside", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    for table in FACTS:
        defend_but_erasure(table)
    for statement in judging.MAKE:
        op.execute(statement)


def downgrade() -> None:
    """Remove them, and what they held."""
    for statement in judging.REMOVE:
        op.execute(statement)
    op.drop_column("rejection_revocations", "sets_aside")
    op.drop_index(op.f("ix_rejections_verdict_id"), table_name="rejections")
    op.drop_constraint(op.f("fk_rejections_verdict_id"), "rejections", type_="foreignkey")
    op.drop_column("rejections", "verdict_id")
    op.drop_column("candidates", "due")
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
    op.drop_index(op.f("ix_hand_overs_candidate_id"), table_name="hand_overs")
    op.drop_table("hand_overs")
    op.drop_index(op.f("ix_known_pairs_probe_photo_id"), table_name="known_pairs")
    op.drop_index(op.f("ix_known_pairs_photo_id"), table_name="known_pairs")
    op.drop_index(op.f("ix_known_pairs_person_id"), table_name="known_pairs")
    op.drop_table("known_pairs")
    op.drop_index(op.f("ix_content_warnings_blob_id"), table_name="content_warnings")
    op.drop_table("content_warnings")
    op.execute("DROP FUNCTION excludes(jsonb)")
