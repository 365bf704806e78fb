"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FACTS = ("custody_events", "observations")
"""append-only: the database itself refuses to change them, whoever asks"""

REFUSE = """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
    END $$"""


def upgrade() -> None:
    """Make every table, and defend the facts."""
    op.create_table(
        "blobs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_blobs_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blobs")),
        sa.UniqueConstraint("sha256", name=op.f("uq_blobs_sha256")),
        comment="bytes in the evidence bucket: uploaded, read back, hashed again, locked",
    )
    op.create_table(
        "custody_events",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_custody_events")),
        sa.UniqueConstraint("hash", name=op.f("uq_custody_events_hash")),
        comment="hash chain without gaps; each hash binds the one before it",
    )
    op.create_table(
        "persons",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("register_number", sa.Text(), nullable=False),
        sa.Column("names", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("birth_year", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_persons")),
        sa.UniqueConstraint("register_number", name=op.f("uq_persons_register_number")),
        comment="the office's list of missing persons",
    )
    op.create_table(
        "refusals",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name=op.f("pk_refusals")),
        comment="input that was refused before it became an item: a source, a register file, one of its rows",
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column(
            "parameters", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        comment="one row each time somebody or something started work",
    )
    op.create_table(
        "sources",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint("platform", "address", name=op.f("uq_sources_platform_address")),
        comment="channels and pages on the allow-list, with the reason why they may be watched",
    )
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
        comment="accounts of the review pages; argon2id hashes",
    )
    op.create_table(
        "work",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("subject", sa.BigInteger(), nullable=False),
        sa.Column("recipe", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("lease", sa.UUID(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("crashes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work")),
        sa.UniqueConstraint("step", "subject", "recipe", name=op.f("uq_work_step_subject_recipe")),
        comment="one row for each item of each step; outcome is the class of the last fault, empty when none",
    )
    op.create_index(
        "ix_work_leased",
        "work",
        ["step", "ready_at"],
        unique=False,
        postgresql_where=sa.text("state = 'open' AND lease IS NOT NULL"),
    )
    op.create_index(
        "ix_work_ready",
        "work",
        ["step", "recipe", "ready_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "analyses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("blob_id", sa.BigInteger(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("analyzed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("pictures_decoded", sa.BigInteger(), nullable=False),
        sa.Column("pictures_sampled", sa.BigInteger(), nullable=False),
        sa.Column("gaps", sa.Integer(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("shots", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name=op.f("fk_analyses_blob_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_analyses")),
        sa.UniqueConstraint("blob_id", "recipe", name=op.f("uq_analyses_blob_id_recipe")),
        comment="what one recipe found in one blob; done even if it found none; shots are [start_ms, end_ms] pairs",
    )
    op.create_index(op.f("ix_analyses_blob_id"), "analyses", ["blob_id"], unique=False)
    op.create_table(
        "coverage",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("first_post", sa.Text(), nullable=False),
        sa.Column("last_post", sa.Text(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("first_read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_read_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_coverage_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coverage")),
        sa.UniqueConstraint(
            "source_id", "first_post", "last_post", name=op.f("uq_coverage_source_id_first_post_last_post")
        ),
        comment="closed ranges of a source that are proven to have been read",
    )
    op.create_index(op.f("ix_coverage_source_id"), "coverage", ["source_id"], unique=False)
    op.create_table(
        "posts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("platform_post_id", sa.Text(), nullable=False),
        sa.Column("permalink", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_posts_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posts")),
        sa.UniqueConstraint(
            "platform", "source_id", "platform_post_id", name=op.f("uq_posts_platform_source_id_platform_post_id")
        ),
        comment="one message or video page; `seen` and `last_seen_at` follow the newest observation",
    )
    op.create_index(op.f("ix_posts_source_id"), "posts", ["source_id"], unique=False)
    op.create_table(
        "reference_photos",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("crop_key", sa.Text(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_reference_photos_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reference_photos")),
        sa.UniqueConstraint("person_id", "sha256", name=op.f("uq_reference_photos_person_id_sha256")),
        comment="photos of the register; why one was refused stands in `work`, step enroll",
    )
    op.create_index(op.f("ix_reference_photos_person_id"), "reference_photos", ["person_id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sessions")),
        comment="signed-in browsers, by the sha256 of their cookie",
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)
    op.create_table(
        "sign_in_links",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sign_in_links_user_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_links")),
        comment="one-time links, by the sha256 of their token; a row goes when it is used",
    )
    op.create_index(op.f("ix_sign_in_links_user_id"), "sign_in_links", ["user_id"], unique=False)
    op.create_table(
        "media_items",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("post_id", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("blob_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name=op.f("fk_media_items_blob_id")),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_media_items_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_items")),
        sa.UniqueConstraint("post_id", "ordinal", name=op.f("uq_media_items_post_id_ordinal")),
        comment="attachments; many may carry the same blob",
    )
    op.create_index(op.f("ix_media_items_blob_id"), "media_items", ["blob_id"], unique=False)
    op.create_index(op.f("ix_media_items_post_id"), "media_items", ["post_id"], unique=False)
    op.create_table(
        "observations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("post_id", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("raw_key", sa.Text(), nullable=False),
        sa.Column("raw_sha256", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_observations_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observations")),
        comment="what a post looked like at one moment; a new row only when that changed",
    )
    op.create_index("ix_observations_latest", "observations", ["post_id", "method", "id"], unique=False)
    op.create_index(op.f("ix_observations_post_id"), "observations", ["post_id"], unique=False)
    op.create_table(
        "tracks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("analysis_id", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("shot", sa.Integer(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("faces", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("gate", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["analysis_id"], ["analyses.id"], name=op.f("fk_tracks_analysis_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tracks")),
        sa.UniqueConstraint("analysis_id", "ordinal", name=op.f("uq_tracks_analysis_id_ordinal")),
        comment="one face through one shot; faces are [at_ms, x, y, width, height, score]; gate: "
        "why it is not searched",
    )
    op.create_index(op.f("ix_tracks_analysis_id"), "tracks", ["analysis_id"], unique=False)
    op.create_table(
        "best_shots",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("box", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("quality", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("crop_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name=op.f("fk_best_shots_track_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_best_shots")),
        sa.UniqueConstraint("track_id", "ordinal", name=op.f("uq_best_shots_track_id_ordinal")),
        comment="the pictures of a track that are worth looking at; crops are in the derived bucket",
    )
    op.create_index(op.f("ix_best_shots_track_id"), "best_shots", ["track_id"], unique=False)
    op.create_table(
        "candidates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("photo_id", sa.BigInteger(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("distance", sa.Double(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("still_key", sa.Text(), nullable=True),
        sa.Column("clip_key", sa.Text(), nullable=True),
        sa.Column("clip_start_ms", sa.BigInteger(), nullable=True),
        sa.Column("clip_end_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_candidates_person_id")),
        sa.ForeignKeyConstraint(["photo_id"], ["reference_photos.id"], name=op.f("fk_candidates_photo_id")),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name=op.f("fk_candidates_track_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_candidates")),
        sa.UniqueConstraint("track_id", "person_id", "engine", name=op.f("uq_candidates_track_id_person_id_engine")),
        comment="a (track, person) pair within the review threshold, waiting for people",
    )
    op.create_index(
        "ix_candidates_open", "candidates", ["id"], unique=False, postgresql_where=sa.text("state = 'open'")
    )
    op.create_index(op.f("ix_candidates_person_id"), "candidates", ["person_id"], unique=False)
    op.create_index(op.f("ix_candidates_photo_id"), "candidates", ["photo_id"], unique=False)
    op.create_index(op.f("ix_candidates_track_id"), "candidates", ["track_id"], unique=False)
    op.create_table(
        "templates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("track_id", sa.BigInteger(), nullable=True),
        sa.Column("photo_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("quality", sa.Double(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("(track_id IS NULL) <> (photo_id IS NULL)", name=op.f("ck_templates_one_origin")),
        sa.ForeignKeyConstraint(["photo_id"], ["reference_photos.id"], name=op.f("fk_templates_photo_id")),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name=op.f("fk_templates_track_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_templates")),
        sa.UniqueConstraint("photo_id", "kind", "engine", name=op.f("uq_templates_photo_id_kind_engine")),
        sa.UniqueConstraint("track_id", "kind", "engine", name=op.f("uq_templates_track_id_kind_engine")),
        comment="embeddings, AES-GCM encrypted one by one with the row's identity as associated data",
    )
    op.create_index(op.f("ix_templates_photo_id"), "templates", ["photo_id"], unique=False)
    op.create_index(op.f("ix_templates_track_id"), "templates", ["track_id"], unique=False)

    op.execute(REFUSE)
    for table in FACTS:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")  # also in a session that replays


def downgrade() -> None:
    """Remove every table."""
    op.drop_index(op.f("ix_templates_track_id"), table_name="templates")
    op.drop_index(op.f("ix_templates_photo_id"), table_name="templates")
    op.drop_table("templates")
    op.drop_index(op.f("ix_candidates_track_id"), table_name="candidates")
    op.drop_index(op.f("ix_candidates_photo_id"), table_name="candidates")
    op.drop_index(op.f("ix_candidates_person_id"), table_name="candidates")
    op.drop_table("candidates")
    op.drop_index(op.f("ix_best_shots_track_id"), table_name="best_shots")
    op.drop_table("best_shots")
    op.drop_index(op.f("ix_tracks_analysis_id"), table_name="tracks")
    op.drop_table("tracks")
    op.drop_index(op.f("ix_observations_post_id"), table_name="observations")
    op.drop_index("ix_observations_latest", table_name="observations")
    op.drop_table("observations")
    op.drop_index(op.f("ix_media_items_post_id"), table_name="media_items")
    op.drop_index(op.f("ix_media_items_blob_id"), table_name="media_items")
    op.drop_table("media_items")
    op.drop_index(op.f("ix_sign_in_links_user_id"), table_name="sign_in_links")
    op.drop_table("sign_in_links")
    op.drop_index(op.f("ix_sessions_user_id"), table_name="sessions")
    op.drop_table("sessions")
    op.drop_index(op.f("ix_reference_photos_person_id"), table_name="reference_photos")
    op.drop_table("reference_photos")
    op.drop_index(op.f("ix_posts_source_id"), table_name="posts")
    op.drop_table("posts")
    op.drop_index(op.f("ix_coverage_source_id"), table_name="coverage")
    op.drop_table("coverage")
    op.drop_index(op.f("ix_analyses_blob_id"), table_name="analyses")
    op.drop_table("analyses")
    op.drop_index("ix_work_ready", table_name="work", postgresql_where=sa.text("state = 'open'"))
    op.drop_table("work")
    op.drop_table("users")
    op.drop_table("sources")
    op.drop_table("runs")
    op.drop_table("refusals")
    op.drop_table("persons")
    op.drop_table("custody_events")
    op.drop_table("blobs")
    op.execute("DROP FUNCTION refuse_change()")
