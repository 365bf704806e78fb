"""Checks of fixity, incidents, legal holds, and lawful erasure, which alone may take observations away."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.facts import defend, defend_but_erasure

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

FACTS = (
    "incidents",
    "incident_explanations",
    "holds",
    "hold_releases",
    "erasures",
    "erasure_acts",
    "not_collected",
)
ERASABLE = ("observations", "audiences")
"""their trigger has a name of its own, and lets the owner of the tables through, who carries out a lawful erasure"""

# A transaction says which erasure it carries out; two people must have wanted that one, and it must not be over.
REFUSE = """
    CREATE FUNCTION refuse_change_but_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'TRUNCATE' AND EXISTS (
            SELECT 1 FROM erasure_acts AS mine
             WHERE mine.erasure_id = nullif(current_setting('lastseen.erasure', true), '')::bigint
               AND mine.act = 'confirmed'
               AND NOT EXISTS (SELECT 1 FROM erasure_acts AS over
                                WHERE over.erasure_id = mine.erasure_id AND over.act <> 'confirmed'))
        THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
    END $$"""


def upgrade() -> None:
    """Make the tables, and let a confirmed erasure through where facts are defended."""
    op.create_table(
        "erasures",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("order_reference", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        comment="lawful erasures that somebody asked for",
    )
    op.create_table(
        "fixity_checks",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stands", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_fixity_checks")),
        comment="when each piece of evidence was last read again; the custody log counts them batch by batch",
    )
    op.create_index("ix_fixity_checks_checked_at", "fixity_checks", ["checked_at"], unique=False)
    op.create_table(
        "held_objects",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key", "version_id", name=op.f("pk_held_objects")),
        comment="versions in the evidence bucket on which the store keeps a legal hold for us",
    )
    op.create_table(
        "holds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
        comment="legal holds: what they concern is neither erased nor does it expire",
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("found_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
        sa.UniqueConstraint("what", "place", name=op.f("uq_incidents_what_place")),
        comment="what was found not to stand as it was recorded; it stays, also when somebody has explained it",
    )
    op.create_table(
        "erasure_acts",
        sa.Column("erasure_id", sa.BigInteger(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("act IN ('confirmed', 'refused', 'done')", name=op.f("ck_erasure_acts_act")),
        sa.ForeignKeyConstraint(["erasure_id"], ["erasures.id"], name=op.f("fk_erasure_acts_erasure_id")),
        sa.PrimaryKeyConstraint("erasure_id", "act", name=op.f("pk_erasure_acts")),
        comment="confirmed or refused by another person, then done",
    )
    op.create_table(
        "hold_releases",
        sa.Column("hold_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("released_by", sa.Text(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"], name=op.f("fk_hold_releases_hold_id")),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_hold_releases")),
        comment="a hold with a row here stands no more",
    )
    op.create_table(
        "incident_explanations",
        sa.Column("incident_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("explained_by", sa.Text(), nullable=False),
        sa.Column("explained_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_incident_explanations_incident_id")),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_incident_explanations")),
        comment="what people found out about an incident",
    )
    op.create_table(
        "not_collected",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("erasure_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["erasure_id"], ["erasures.id"], name=op.f("fk_not_collected_erasure_id")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_not_collected")),
        comment="hashes of erased bytes and of erased posts' identities: what has one of these is not kept again",
    )
    op.create_index(op.f("ix_not_collected_erasure_id"), "not_collected", ["erasure_id"], unique=False)
    for table in FACTS:
        defend(table)
    op.execute(REFUSE)
    for table in ERASABLE:
        op.execute(f"DROP TRIGGER append_only ON {table}")
        defend_but_erasure(table)


def downgrade() -> None:
    """Remove them, and what they held."""
    for table in ERASABLE:
        op.execute(f"DROP TRIGGER erasable ON {table}")
        defend(table)
    op.execute("DROP FUNCTION refuse_change_but_erasure()")
    op.drop_index(op.f("ix_not_collected_erasure_id"), table_name="not_collected")
    op.drop_table("not_collected")
    op.drop_table("incident_explanations")
    op.drop_table("hold_releases")
    op.drop_table("erasure_acts")
    op.drop_table("incidents")
    op.drop_table("holds")
    op.drop_table("held_objects")
    op.drop_index("ix_fixity_checks_checked_at", table_name="fixity_checks")
    op.drop_table("fixity_checks")
    op.drop_table("erasures")
