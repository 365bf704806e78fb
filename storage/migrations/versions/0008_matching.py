"""Matching: calibrations, the watch band, rejections, ties of the register, reposts, hints by names."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.migrations.facts import defend, defend_but_erasure

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and let candidates say by which calibration they were judged."""
    op.create_table(
        "calibrations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("photos", sa.Integer(), nullable=False),
        sa.Column("pairs", sa.BigInteger(), nullable=False),
        sa.Column("fallback", sa.Text(), server_default="", nullable=False),
        sa.Column("bands", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("plot", sa.Text(), server_default="", nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calibrations")),
        comment="what the register's own pairs of different people say of distances; fallback: why they say nothing",
    )
    op.create_index("ix_calibrations_newest", "calibrations", ["engine", "id"], unique=False)
    op.create_table(
        "fingerprints",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("blob_id", sa.BigInteger(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("moments", sa.LargeBinary(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name=op.f("fk_fingerprints_blob_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fingerprints")),
        sa.UniqueConstraint("blob_id", "recipe", name=op.f("uq_fingerprints_blob_id_recipe")),
        comment="what the pictures of a file look like, as a sequence: a perceptual hash for each of its moments",
    )
    op.create_table(
        "repost_links",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("one_blob_id", sa.BigInteger(), nullable=False),
        sa.Column("other_blob_id", sa.BigInteger(), nullable=False),
        sa.Column("one_start_ms", sa.BigInteger(), nullable=False),
        sa.Column("one_end_ms", sa.BigInteger(), nullable=False),
        sa.Column("other_start_ms", sa.BigInteger(), nullable=False),
        sa.Column("other_end_ms", sa.BigInteger(), nullable=False),
        sa.Column("mirrored", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("distance", sa.Double(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name=op.f("ck_repost_links_withdrawn_by_somebody")
        ),
        sa.CheckConstraint("one_blob_id < other_blob_id", name=op.f("ck_repost_links_in_order")),
        sa.ForeignKeyConstraint(["one_blob_id"], ["blobs.id"], name=op.f("fk_repost_links_one_blob_id")),
        sa.ForeignKeyConstraint(["other_blob_id"], ["blobs.id"], name=op.f("fk_repost_links_other_blob_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repost_links")),
        sa.UniqueConstraint(
            "one_blob_id",
            "other_blob_id",
            "one_start_ms",
            "other_start_ms",
            "recipe",
            name="uq_repost_links",
        ),
        comment="a stretch of one file shows the footage of a stretch of another; a link may be withdrawn",
    )
    op.create_index(op.f("ix_repost_links_one_blob_id"), "repost_links", ["one_blob_id"], unique=False)
    op.create_index(op.f("ix_repost_links_other_blob_id"), "repost_links", ["other_blob_id"], unique=False)
    op.create_table(
        "ties",
        sa.Column("one_person_id", sa.BigInteger(), nullable=False),
        sa.Column("other_person_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("declared_by", sa.Text(), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('kin', 'same')", name=op.f("ck_ties_kind")),
        sa.CheckConstraint("one_person_id < other_person_id", name=op.f("ck_ties_in_order")),
        sa.ForeignKeyConstraint(["one_person_id"], ["persons.id"], name=op.f("fk_ties_one_person_id")),
        sa.ForeignKeyConstraint(["other_person_id"], ["persons.id"], name=op.f("fk_ties_other_person_id")),
        sa.PrimaryKeyConstraint("one_person_id", "other_person_id", name=op.f("pk_ties")),
        comment="what the office declares of two entries: relatives, or one person entered twice",
    )
    op.create_index(op.f("ix_ties_other_person_id"), "ties", ["other_person_id"], unique=False)
    op.create_table(
        "near_misses",
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("photo_id", sa.BigInteger(), nullable=False),
        sa.Column("distance", sa.Double(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_near_misses_person_id")),
        sa.ForeignKeyConstraint(["photo_id"], ["reference_photos.id"], name=op.f("fk_near_misses_photo_id")),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name=op.f("fk_near_misses_track_id")),
        sa.PrimaryKeyConstraint("track_id", "person_id", "engine", name=op.f("pk_near_misses")),
        comment="the watch band: pairs a little beyond the threshold, shown to nobody; gone with the track's templates",
    )
    op.create_index(op.f("ix_near_misses_person_id"), "near_misses", ["person_id"], unique=False)
    op.create_index(op.f("ix_near_misses_photo_id"), "near_misses", ["photo_id"], unique=False)
    op.create_table(
        "rejections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("blob_id", sa.BigInteger(), nullable=False),
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rejected_by", sa.Text(), nullable=False),
        sa.Column("rejected_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name=op.f("fk_rejections_blob_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_rejections_person_id")),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name=op.f("fk_rejections_track_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejections")),
        comment="not this person: the face of a track in a file, and whoever shows the same face there later",
    )
    op.create_index(op.f("ix_rejections_blob_id"), "rejections", ["blob_id"], unique=False)
    op.create_index(op.f("ix_rejections_person_id"), "rejections", ["person_id"], unique=False)
    op.create_index(op.f("ix_rejections_track_id"), "rejections", ["track_id"], unique=False)
    op.create_table(
        "rejection_revocations",
        sa.Column("rejection_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("revoked_by", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["rejection_id"], ["rejections.id"], name=op.f("fk_rejection_revocations_rejection_id")
        ),
        sa.PrimaryKeyConstraint("rejection_id", name=op.f("pk_rejection_revocations")),
        comment="a rejection with a row here stands no more",
    )
    op.create_table(
        "name_hints",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("post_id", sa.BigInteger(), nullable=False),
        sa.Column("observation_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("matcher", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["observation_id"], ["observations.id"], name=op.f("fk_name_hints_observation_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_name_hints_person_id")),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_name_hints_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_name_hints")),
        sa.UniqueConstraint(
            "observation_id", "person_id", "matcher", name=op.f("uq_name_hints_observation_id_person_id_matcher")
        ),
        comment="a post's words name somebody who may be this person; reasons: field by field",
    )
    op.create_index(op.f("ix_name_hints_observation_id"), "name_hints", ["observation_id"], unique=False)
    op.create_index(op.f("ix_name_hints_person_id"), "name_hints", ["person_id"], unique=False)
    op.create_index(op.f("ix_name_hints_post_id"), "name_hints", ["post_id"], unique=False)
    op.add_column("analyses", sa.Column("unfollowed", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("tracks", sa.Column("expired_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("candidates", sa.Column("expected_false", sa.Double(), nullable=True))
    op.add_column("candidates", sa.Column("calibration_id", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_candidates_calibration_id"), "candidates", ["calibration_id"], unique=False)
    op.create_foreign_key(
        op.f("fk_candidates_calibration_id"), "candidates", "calibrations", ["calibration_id"], ["id"]
    )
    defend("calibrations")
    defend_but_erasure("rejections")
    defend_but_erasure("rejection_revocations")


def downgrade() -> None:
    """Remove them, and what they held."""
    op.drop_constraint(op.f("fk_candidates_calibration_id"), "candidates", type_="foreignkey")
    op.drop_index(op.f("ix_candidates_calibration_id"), table_name="candidates")
    op.drop_column("candidates", "calibration_id")
    op.drop_column("candidates", "expected_false")
    op.drop_column("tracks", "expired_at")
    op.drop_column("analyses", "unfollowed")
    op.drop_index(op.f("ix_name_hints_post_id"), table_name="name_hints")
    op.drop_index(op.f("ix_name_hints_person_id"), table_name="name_hints")
    op.drop_index(op.f("ix_name_hints_observation_id"), table_name="name_hints")
    op.drop_table("name_hints")
    op.drop_table("rejection_revocations")
    op.drop_index(op.f("ix_rejections_track_id"), table_name="rejections")
    op.drop_index(op.f("ix_rejections_person_id"), table_name="rejections")
    op.drop_index(op.f("ix_rejections_blob_id"), table_name="rejections")
    op.drop_table("rejections")
    op.drop_index(op.f("ix_near_misses_photo_id"), table_name="near_misses")
    op.drop_index(op.f("ix_near_misses_person_id"), table_name="near_misses")
    op.drop_table("near_misses")
    op.drop_index(op.f("ix_ties_other_person_id"), table_name="ties")
    op.drop_table("ties")
    op.drop_index(op.f("ix_repost_links_other_blob_id"), table_name="repost_links")
    op.drop_index(op.f("ix_repost_links_one_blob_id"), table_name="repost_links")
    op.drop_table("repost_links")
    op.drop_table("fingerprints")
    op.drop_index("ix_calibrations_newest", table_name="calibrations")
    op.drop_table("calibrations")
