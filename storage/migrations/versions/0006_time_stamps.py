"""Manifests of days, what is time-stamped of them, and the answers of authorities."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.facts import defend

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FACTS = ("manifests", "stamp_statements", "stamp_requests", "stamps", "stamp_refusals")


def upgrade() -> None:
    """Add the tables, and an index by which the events of a day are found."""
    op.create_table(
        "manifests",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("objects", sa.BigInteger(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_manifests")),
        comment="one for each UTC day with events of objects: what the custody log says came into the evidence",
    )
    op.create_table(
        "stamp_statements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checkpoint", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["checkpoint"], ["checkpoints.size"], name=op.f("fk_stamp_statements_checkpoint")),
        sa.ForeignKeyConstraint(["day"], ["manifests.day"], name=op.f("fk_stamp_statements_day")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stamp_statements")),
        sa.UniqueConstraint("day", name=op.f("uq_stamp_statements_day")),
        comment="what is time-stamped of a day: its manifest's hash, and a signed head that covers its event",
    )
    op.create_table(
        "stamp_requests",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("statement_id", sa.BigInteger(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["statement_id"], ["stamp_statements.id"], name=op.f("fk_stamp_requests_statement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stamp_requests")),
        sa.UniqueConstraint("statement_id", "authority", name=op.f("uq_stamp_requests_statement_id_authority")),
        comment="who is to stamp a statement: an authority, or `opentimestamps`; items of the steps stamp, anchor",
    )
    op.create_table(
        "stamp_refusals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["stamp_requests.id"], name=op.f("fk_stamp_refusals_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stamp_refusals")),
        comment="answers that did not verify, and authorities that refused",
    )
    op.create_index(op.f("ix_stamp_refusals_request_id"), "stamp_refusals", ["request_id"], unique=False)
    op.create_table(
        "stamps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("root_key", sa.Text(), nullable=True),
        sa.Column("gen_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["stamp_requests.id"], name=op.f("fk_stamps_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stamps")),
        sa.UniqueConstraint("key", name=op.f("uq_stamps_key")),
        comment="verified answers; a proof of OpenTimestamps that leads to a block is a row and an object more",
    )
    op.create_index(op.f("ix_stamps_request_id"), "stamps", ["request_id"], unique=False)
    op.create_index("ix_custody_events_at", "custody_events", ["at"], unique=False, postgresql_using="brin")
    for table in FACTS:
        defend(table)


def downgrade() -> None:
    """Remove them, and what they held."""
    op.drop_index("ix_custody_events_at", table_name="custody_events", postgresql_using="brin")
    op.drop_index(op.f("ix_stamps_request_id"), table_name="stamps")
    op.drop_table("stamps")
    op.drop_index(op.f("ix_stamp_refusals_request_id"), table_name="stamp_refusals")
    op.drop_table("stamp_refusals")
    op.drop_table("stamp_requests")
    op.drop_table("stamp_statements")
    op.drop_table("manifests")
