"""The cast of a video: links between its tracks."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of links."""
    op.create_table(
        "cast_links",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("one_track_id", sa.BigInteger(), nullable=False),
        sa.Column("other_track_id", sa.BigInteger(), nullable=False),
        sa.Column("distance", sa.Double(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.CheckConstraint("one_track_id < other_track_id", name=op.f("ck_cast_links_in_order")),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name=op.f("ck_cast_links_withdrawn_by_somebody")
        ),
        sa.ForeignKeyConstraint(["one_track_id"], ["tracks.id"], name=op.f("fk_cast_links_one_track_id")),
        sa.ForeignKeyConstraint(["other_track_id"], ["tracks.id"], name=op.f("fk_cast_links_other_track_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cast_links")),
        sa.UniqueConstraint("one_track_id", "other_track_id", name=op.f("uq_cast_links_one_track_id_other_track_id")),
        comment="two tracks of one analysis that show one face; a link may be withdrawn, tracks are never merged",
    )
    op.create_index(op.f("ix_cast_links_one_track_id"), "cast_links", ["one_track_id"], unique=False)
    op.create_index(op.f("ix_cast_links_other_track_id"), "cast_links", ["other_track_id"], unique=False)


def downgrade() -> None:
    """Remove it, and what it held."""
    op.drop_index(op.f("ix_cast_links_other_track_id"), table_name="cast_links")
    op.drop_index(op.f("ix_cast_links_one_track_id"), table_name="cast_links")
    op.drop_table("cast_links")
