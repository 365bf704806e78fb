"""Matching: calibrations, the watch band, rejections, ties of the register, reposts, hints by names."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.migrations.facts import defend, defend_but_erasure

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Photos that an older version was still to compare with the kept tracks wait for the first sweep.
TAKE_OVER = """
    INSERT INTO sweep_photos (photo_id, engine)
    SELECT reference_photos.id, recipe FROM work JOIN reference_photos ON reference_photos.id = subject
     WHERE step = 'match_photo' AND state <> 'done'"""
# And the other way: what no sweep has finished is an item of the older version's step.
HAND_BACK = """
    INSERT INTO work (step, subject, recipe, state)
    SELECT DISTINCT 'match_photo', photo_id, engine, 'open' FROM sweep_photos
     WHERE sweep_id IS NULL
        OR EXISTS (SELECT FROM sweep_shards WHERE sweep_shards.sweep_id = sweep_photos.sweep_id AND swept_at IS NULL)"""

ANALYSES = "what one recipe found in one blob; done even if it found none; shots are [start_ms, end_ms] pairs"
COUNT_SEARCHED = """
    UPDATE analyses SET searched = counted.tracks
      FROM (SELECT analysis_id, count(*) AS tracks FROM tracks WHERE gate = '' GROUP BY 1) AS counted
     WHERE analyses.id = counted.analysis_id"""

# A transaction notes each thing once.  Which row it writes is told by its locks alone, so none waits for another.
NOTE_CHANGE = """
    CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        mine CONSTANT bigint := pg_current_xact_id()::text::bigint;
    BEGIN
        IF NOT EXISTS (SELECT FROM versions WHERE what = TG_ARGV[0] AND changed_by = mine) THEN
            UPDATE versions SET changed_by = mine, token = gen_random_uuid()
             WHERE id = (SELECT id FROM versions WHERE what = TG_ARGV[0] LIMIT 1 FOR UPDATE SKIP LOCKED);
            IF NOT FOUND THEN
                INSERT INTO versions (what, changed_by) VALUES (TG_ARGV[0], mine);
            END IF;
        END IF;
        RETURN NULL;
    END $$"""
NOTED = (
    """CREATE TRIGGER gallery_grew AFTER INSERT OR UPDATE ON templates
       FOR EACH ROW WHEN (new.photo_id IS NOT NULL) EXECUTE FUNCTION note_change('gallery')""",
    """CREATE TRIGGER gallery_shrank AFTER DELETE ON templates
       FOR EACH ROW WHEN (old.photo_id IS NOT NULL) EXECUTE FUNCTION note_change('gallery')""",
    """CREATE TRIGGER gallery_changed AFTER UPDATE OF status ON persons
       FOR EACH ROW WHEN (new.status IS DISTINCT FROM old.status) EXECUTE FUNCTION note_change('gallery')""",
    """CREATE TRIGGER register_changed AFTER INSERT OR UPDATE OR DELETE ON persons
       FOR EACH ROW EXECUTE FUNCTION note_change('register')""",
)
TRIGGERS = (
    ("gallery_grew", "templates"),
    ("gallery_shrank", "templates"),
    ("gallery_changed", "persons"),
    ("register_changed", "persons"),
)


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
        "calibration_adoptions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("calibration_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("adopted_by", sa.Text(), nullable=False),
        sa.Column("adopted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["calibration_id"], ["calibrations.id"], name=op.f("fk_calibration_adoptions_calibration_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calibration_adoptions")),
        comment="somebody decided that a calibration holds; the newest of an engine does",
    )
    op.create_index(
        op.f("ix_calibration_adoptions_calibration_id"), "calibration_adoptions", ["calibration_id"], unique=False
    )
    op.create_table(
        "fingerprints",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("blob_id", sa.BigInteger(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("moments", sa.LargeBinary(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("light", sa.LargeBinary(), nullable=False),
        sa.Column("anchors", sa.LargeBinary(), nullable=False),
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
    op.add_column("reference_photos", sa.Column("quality", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("reference_photos", sa.Column("badge", sa.Text(), server_default="", nullable=False))
    op.add_column("reference_photos", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("reference_photos", sa.Column("removed_by", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_reference_photos_removed_by_somebody"),
        "reference_photos",
        "(removed_at IS NULL) = (removed_by IS NULL)",
    )
    op.create_table(
        "photo_findings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("photo_id", sa.BigInteger(), nullable=False),
        sa.Column("other_person_id", sa.BigInteger(), nullable=False),
        sa.Column("other_photo_id", sa.BigInteger(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("distance", sa.Double(), nullable=False),
        sa.Column("bound", sa.Double(), nullable=False),
        sa.Column("stands", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("person_id <= other_person_id", name=op.f("ck_photo_findings_in_order")),
        sa.CheckConstraint(
            "(kind = 'apart') = (person_id = other_person_id)", name=op.f("ck_photo_findings_apart_from_its_own")
        ),
        sa.ForeignKeyConstraint(["other_person_id"], ["persons.id"], name=op.f("fk_photo_findings_other_person_id")),
        sa.ForeignKeyConstraint(
            ["other_photo_id"], ["reference_photos.id"], name=op.f("fk_photo_findings_other_photo_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_photo_findings_person_id")),
        sa.ForeignKeyConstraint(["photo_id"], ["reference_photos.id"], name=op.f("fk_photo_findings_photo_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo_findings")),
        comment="what is odd about a photo beside another; stands: it was found when that was looked at last",
    )
    op.create_index(
        "ix_photo_findings_apart",
        "photo_findings",
        ["photo_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'apart'"),
    )
    op.create_index(
        "ix_photo_findings_pair",
        "photo_findings",
        ["person_id", "other_person_id"],
        unique=True,
        postgresql_where=sa.text("kind <> 'apart'"),
    )
    op.create_index(op.f("ix_photo_findings_other_person_id"), "photo_findings", ["other_person_id"], unique=False)
    op.create_index(op.f("ix_photo_findings_other_photo_id"), "photo_findings", ["other_photo_id"], unique=False)
    op.create_index(op.f("ix_photo_findings_person_id"), "photo_findings", ["person_id"], unique=False)
    op.create_index(op.f("ix_photo_findings_photo_id"), "photo_findings", ["photo_id"], unique=False)
    op.create_table(
        "finding_explanations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("finding_id", sa.BigInteger(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("distance", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("explained_by", sa.Text(), nullable=False),
        sa.Column("explained_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["finding_id"], ["photo_findings.id"], name=op.f("fk_finding_explanations_finding_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_explanations")),
        comment="what the register keeper wrote of a finding; of nearer photos, found later, it says nothing",
    )
    op.create_index(op.f("ix_finding_explanations_finding_id"), "finding_explanations", ["finding_id"], unique=False)
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
        sa.Column("namesakes", sa.Integer(), nullable=False),
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
    op.create_table(
        "sweeps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweeps")),
        comment="photos that were compared together with all tracks kept at one moment; over when all its shards are",
    )
    op.create_table(
        "sweep_photos",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("photo_id", sa.BigInteger(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("sweep_id", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["photo_id"], ["reference_photos.id"], name=op.f("fk_sweep_photos_photo_id")),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], name=op.f("fk_sweep_photos_sweep_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweep_photos")),
        comment="a photo whose template is to be compared with all kept tracks; without a sweep it waits for the next"
        " one",
    )
    op.create_index(op.f("ix_sweep_photos_photo_id"), "sweep_photos", ["photo_id"], unique=False)
    op.create_index(op.f("ix_sweep_photos_sweep_id"), "sweep_photos", ["sweep_id"], unique=False)
    op.create_index(
        "ix_sweep_photos_waiting",
        "sweep_photos",
        ["engine", "photo_id"],
        unique=True,
        postgresql_where=sa.text("sweep_id IS NULL"),
    )
    op.create_table(
        "sweep_shards",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sweep_id", sa.BigInteger(), nullable=False),
        sa.Column("first_template", sa.BigInteger(), nullable=False),
        sa.Column("last_template", sa.BigInteger(), nullable=False),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("first_template <= last_template", name=op.f("ck_sweep_shards_in_order")),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], name=op.f("fk_sweep_shards_sweep_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweep_shards")),
        comment="a range of the templates of tracks that one sweep reads at once; an item of the step sweep",
    )
    op.create_index(op.f("ix_sweep_shards_sweep_id"), "sweep_shards", ["sweep_id"], unique=False)
    op.create_index(
        "ix_templates_of_tracks",
        "templates",
        ["engine", "id"],
        unique=False,
        postgresql_where=sa.text("track_id IS NOT NULL"),
    )
    op.create_table(
        "reembeddings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("analysis_id", sa.BigInteger(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("tracks", sa.Integer(), nullable=False),
        sa.Column("expired", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("without_face", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["analysis_id"], ["analyses.id"], name=op.f("fk_reembeddings_analysis_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reembeddings")),
        sa.UniqueConstraint("analysis_id", "engine", name=op.f("uq_reembeddings_analysis_id_engine")),
        comment="tracks of an analysis by another engine that got templates of this one from their kept crops, and who"
        " not",
    )
    op.create_table(
        "engine_uses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engine_uses")),
        comment="from when on which engine was set where tracks are matched: the newest is in use",
    )
    op.create_table(
        "name_looks",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("matcher", sa.Text(), nullable=False),
        sa.Column("observations", sa.BigInteger(), nullable=False),
        sa.Column("ids", sa.Numeric(), nullable=False),
        sa.Column("register", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("block", "matcher", name=op.f("pk_name_looks")),
        comment="which observations (256 a block) were compared by their words with which state of the register",
    )
    op.execute(TAKE_OVER)
    op.execute("DELETE FROM work WHERE step = 'match_photo'")
    op.add_column("candidates", sa.Column("expected_false", sa.Double(), nullable=True))
    op.add_column("candidates", sa.Column("calibration_id", sa.BigInteger(), nullable=True))
    op.add_column("candidates", sa.Column("withdrawn", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.execute("UPDATE candidates SET withdrawn = true WHERE state = 'withdrawn'")
    op.create_index(op.f("ix_candidates_calibration_id"), "candidates", ["calibration_id"], unique=False)
    op.create_foreign_key(
        op.f("fk_candidates_calibration_id"), "candidates", "calibrations", ["calibration_id"], ["id"]
    )
    defend("calibrations")
    defend("calibration_adoptions")
    defend_but_erasure("finding_explanations")
    defend_but_erasure("rejections")
    defend_but_erasure("rejection_revocations")
    op.create_index(
        "ix_templates_photos",
        "templates",
        ["engine", "id"],
        unique=False,
        postgresql_where=sa.text("photo_id IS NOT NULL"),
    )
    op.create_index(
        "ix_tracks_with_faces",
        "tracks",
        ["id"],
        unique=False,
        postgresql_include=["analysis_id", "gate"],
        postgresql_where=sa.text("expired_at IS NULL"),
    )
    op.create_index(
        "ix_tracks_expired", "tracks", ["gate"], unique=False, postgresql_where=sa.text("expired_at IS NOT NULL")
    )
    op.add_column("analyses", sa.Column("searched", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.execute(COUNT_SEARCHED)
    op.create_table_comment(
        "analyses", f"{ANALYSES}; searched: tracks that passed the gates", existing_comment=ANALYSES
    )
    op.create_index("ix_analyses_searched", "analyses", ["analyzed_at"], unique=False, postgresql_include=["searched"])
    op.create_index(
        "ix_work_ended",
        "work",
        ["step", "recipe", "state", "outcome"],
        unique=False,
        postgresql_where=sa.text("state NOT IN ('open', 'done')"),
    )
    op.create_index(
        "ix_work_troubles",
        "work",
        [sa.literal_column("coalesce(settled_at, ready_at)")],
        unique=False,
        postgresql_where=sa.text("outcome IS NOT NULL"),
    )
    op.create_index("ix_analyses_engine", "analyses", ["engine"], unique=False)
    op.create_table(
        "versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_versions")),
        comment="kept by triggers: a change of what is named gives one of its rows a new token; changed_by: a"
        " transaction",
    )
    op.create_index("ix_versions_what", "versions", ["what"], unique=False)
    op.execute(NOTE_CHANGE)
    for statement in NOTED:
        op.execute(statement)


def downgrade() -> None:
    """Remove them, and what they held."""
    for trigger, table in TRIGGERS:
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    op.execute("DROP FUNCTION note_change()")
    op.drop_index("ix_versions_what", table_name="versions")
    op.drop_table("versions")
    op.drop_index("ix_analyses_engine", table_name="analyses")
    op.drop_index("ix_work_troubles", table_name="work")
    op.drop_index("ix_work_ended", table_name="work")
    op.drop_index("ix_analyses_searched", table_name="analyses")
    op.create_table_comment(
        "analyses", ANALYSES, existing_comment=f"{ANALYSES}; searched: tracks that passed the gates"
    )
    op.drop_column("analyses", "searched")
    op.drop_index("ix_tracks_expired", table_name="tracks")
    op.drop_index("ix_tracks_with_faces", table_name="tracks")
    op.drop_index("ix_templates_photos", table_name="templates")
    op.drop_constraint(op.f("fk_candidates_calibration_id"), "candidates", type_="foreignkey")
    op.drop_index(op.f("ix_candidates_calibration_id"), table_name="candidates")
    op.drop_column("candidates", "calibration_id")
    op.drop_column("candidates", "withdrawn")
    op.drop_column("candidates", "expected_false")
    op.drop_table("name_looks")
    op.execute(HAND_BACK)
    op.execute("DELETE FROM work WHERE step IN ('sweep', 'reembed')")
    op.drop_table("engine_uses")
    op.drop_table("reembeddings")
    op.drop_index("ix_templates_of_tracks", table_name="templates")
    op.drop_index(op.f("ix_sweep_shards_sweep_id"), table_name="sweep_shards")
    op.drop_table("sweep_shards")
    op.drop_index("ix_sweep_photos_waiting", table_name="sweep_photos")
    op.drop_index(op.f("ix_sweep_photos_sweep_id"), table_name="sweep_photos")
    op.drop_index(op.f("ix_sweep_photos_photo_id"), table_name="sweep_photos")
    op.drop_table("sweep_photos")
    op.drop_table("sweeps")
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
    op.drop_table("finding_explanations")
    op.drop_table("photo_findings")
    op.drop_constraint(op.f("ck_reference_photos_removed_by_somebody"), "reference_photos", type_="check")
    for column in ("removed_by", "removed_at", "badge", "quality"):
        op.drop_column("reference_photos", column)
    op.drop_index(op.f("ix_ties_other_person_id"), table_name="ties")
    op.drop_table("ties")
    op.drop_index(op.f("ix_repost_links_other_blob_id"), table_name="repost_links")
    op.drop_index(op.f("ix_repost_links_one_blob_id"), table_name="repost_links")
    op.drop_table("repost_links")
    op.drop_table("fingerprints")
    op.drop_table("calibration_adoptions")
    op.drop_index("ix_calibrations_newest", table_name="calibrations")
    op.drop_table("calibrations")
