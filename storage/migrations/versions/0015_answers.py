"""From a sighting to an answer: statements, lists, cases of groups, letters, tips, and what was reported of a year."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.migrations import lettering
from storage.migrations.facts import defend_but_erasure

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = (
    "group_cases",
    "letter_recipients",
    "letter_templates",
    "list_mappings",
    "lists",
    "year_reports",
    "group_case_decisions",
    "group_case_notes",
    "letters",
    "list_entries",
    "list_looks",
    "list_undos",
    "tips",
    "letter_events",
    "letter_files",
    "letter_people",
    "list_decisions",
    "list_matches",
    "statements",
    "tip_contacts",
    "tip_notes",
    "statement_withdrawals",
    "letter_candidates",
    "tip_counts",
    "tip_readers",
)
"""in the order in which they refer to each other"""
CHANGING = frozenset({"letter_recipients", "list_looks", "list_matches", "tip_contacts", "tip_counts"})
"""recipients retire, matches are worked out anew, and what relatives said of themselves goes when the office need not
know it any more; everything else says what people did"""
GROUP_CASE_FILES = """
    CREATE VIEW group_case_files AS
    SELECT group_case_id, blob_id, reason AS why, decided_by AS added_by, decided_at AS added_at
      FROM group_case_decisions
     WHERE belongs AND NOT EXISTS (SELECT FROM group_case_decisions AS later
                                    WHERE later.group_case_id = group_case_decisions.group_case_id
                                      AND later.blob_id = group_case_decisions.blob_id
                                      AND later.id > group_case_decisions.id)"""
"""recordings that show the group of a case, by what was decided last"""
RECIPIENTS_STAY = """
    CREATE TRIGGER recipients_stay
    BEFORE UPDATE OF id, kind, name, address, language, answers_within_days, added_by, added_at ON letter_recipients
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"""
"""what letters said, and when their answers were due, stays: a recipient only retires"""
IS_SEARCHED = """
    CREATE FUNCTION is_searched(status text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT status IN ('missing', 'captive')
    $$"""
"""as `lastseen.records.SEARCHED`"""
PEOPLE, PEOPLE_SAID = (
    "the office's list of missing persons",
    "the office's list of missing persons; status: what follows from what was said of them; first_status: what the"
    " register said before any statement set one, null: none did",
)
ATTACHMENTS, ATTACHMENTS_SINCE = (
    "attachments; many may carry the same blob; locator: what asking for its bytes needs, for some hours",
    "attachments; many may carry the same blob; locator: what asking for its bytes needs, for some hours;"
    " carried_at: since when its blob is known, null: not written down then",
)

POSTS = "one message or video page; `seen` and `last_seen_at` follow the newest observation, checked_at any look"
POSTS_DATED = (
    f"{POSTS}; published_known_at: since when published_at is, null: since the post is, or not written down then;"
    " again_after: the look after which somebody wanted another, though none was due"
)

SOURCES_BEFORE = "channels and pages on the allow-list, with the reason why they may be watched"
SOURCES = f"{SOURCES_BEFORE}; single: one post, and nothing else of its channel or list"


def upgrade() -> None:
    """Make the tables, and let an entry keep what it was before anything was said of it."""
    op.execute(IS_SEARCHED)
    op.add_column("persons", sa.Column("first_status", sa.Text(), nullable=True))
    op.create_table_comment("persons", PEOPLE_SAID, existing_comment=PEOPLE)
    op.add_column("sources", sa.Column("single", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_table_comment("sources", SOURCES, existing_comment=SOURCES_BEFORE)
    op.add_column("media_items", sa.Column("carried_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table_comment("media_items", ATTACHMENTS_SINCE, existing_comment=ATTACHMENTS)
    op.add_column("posts", sa.Column("published_known_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("posts", sa.Column("again_after", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_posts_asked",
        "posts",
        ["chat_id", "source_id"],
        unique=False,
        postgresql_where=sa.text("checked_at <= again_after"),
    )
    op.create_table_comment("posts", POSTS_DATED, existing_comment=POSTS)
    op.create_index(
        "ix_verdicts_sighting",
        "verdicts",
        ["candidate_id", "made_at"],
        unique=False,
        postgresql_where=sa.text("verdict = 'sighting'"),
    )
    op.create_table(
        "group_cases",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "btrim(title) <> '' AND btrim(reason) <> ''", name=op.f("ck_group_cases_named_and_explained")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_cases")),
        comment="people who are shown together, followed until each of them is accounted for",
    )
    op.create_table(
        "letter_recipients",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("answers_within_days", sa.Integer(), nullable=True),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(retired_at IS NULL) = (retired_by IS NULL)", name=op.f("ck_letter_recipients_retired_by_somebody")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter_recipients")),
        comment="offices that letters go to; kind: which template is theirs",
    )
    op.create_table(
        "letter_templates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter_templates")),
        comment="words of letters as the office has edited them; the newest of a kind and language counts",
    )
    op.create_index("ix_letter_templates_newest", "letter_templates", ["kind", "language", "id"], unique=False)
    op.create_table(
        "list_mappings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mapping", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("kept_by", sa.Text(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_mappings")),
        comment="how a giver of lists names its columns and what it claims; the newest of a name counts",
    )
    op.create_index("ix_list_mappings_newest", "list_mappings", ["name", "id"], unique=False)
    op.create_table(
        "lists",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("dated", sa.Date(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("mapping", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("btrim(title) <> '' AND btrim(body) <> ''", name=op.f("ck_lists_whose_and_what")),
        sa.CheckConstraint("kind IN ('csv', 'xlsx', 'pfif', 'text')", name=op.f("ck_lists_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lists")),
        comment="lists of names that somebody has given out, as their claim; object_key: the file, until it was erased",
    )
    op.create_table(
        "year_reports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pages", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_year_reports")),
        comment="what was reported of a year or a month as the records stood at a moment; pages: language and"
        " format -> key and sha256 in the derived bucket",
    )
    op.create_index("ix_year_reports_newest", "year_reports", ["period", "id"], unique=False)
    op.create_table(
        "group_case_decisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("group_case_id", sa.BigInteger(), nullable=False),
        sa.Column("blob_id", sa.BigInteger(), nullable=False),
        sa.Column("belongs", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("btrim(reason) <> ''", name=op.f("ck_group_case_decisions_explained")),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name=op.f("fk_group_case_decisions_blob_id")),
        sa.ForeignKeyConstraint(
            ["group_case_id"], ["group_cases.id"], name=op.f("fk_group_case_decisions_group_case_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_case_decisions")),
        comment="whether a recording shows the group of a case; the newest of a pair counts: the view group_case_files",
    )
    op.create_index(op.f("ix_group_case_decisions_blob_id"), "group_case_decisions", ["blob_id"], unique=False)
    op.create_index(
        op.f("ix_group_case_decisions_group_case_id"), "group_case_decisions", ["group_case_id"], unique=False
    )
    op.create_index(
        "ix_group_case_decisions_newest", "group_case_decisions", ["group_case_id", "blob_id", "id"], unique=False
    )
    op.execute(GROUP_CASE_FILES)
    op.create_table(
        "group_case_notes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("group_case_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("noted_by", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(kind IN ('counted', 'closed')) = (people IS NOT NULL)", name=op.f("ck_group_case_notes_counted")
        ),
        sa.CheckConstraint("kind IN ('note', 'counted', 'closed', 'reopened')", name=op.f("ck_group_case_notes_kind")),
        sa.ForeignKeyConstraint(["group_case_id"], ["group_cases.id"], name=op.f("fk_group_case_notes_group_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_case_notes")),
        comment="what happened to a case; people: how many somebody counted in its recordings by eye, or how many were"
        " still open when it was closed",
    )
    op.create_index(op.f("ix_group_case_notes_group_case_id"), "group_case_notes", ["group_case_id"], unique=False)
    op.create_table(
        "letters",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.Column("group_case_id", sa.BigInteger(), nullable=True),
        sa.Column("revises_id", sa.BigInteger(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("with_package", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["group_case_id"], ["group_cases.id"], name=op.f("fk_letters_group_case_id")),
        sa.ForeignKeyConstraint(["recipient_id"], ["letter_recipients.id"], name=op.f("fk_letters_recipient_id")),
        sa.ForeignKeyConstraint(["revises_id"], ["letters.id"], name=op.f("fk_letters_revises_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letters")),
        comment="letters as they were written; one that was edited is a new one, which revises the other",
    )
    op.create_index(op.f("ix_letters_group_case_id"), "letters", ["group_case_id"], unique=False)
    op.create_index(op.f("ix_letters_recipient_id"), "letters", ["recipient_id"], unique=False)
    op.create_index(op.f("ix_letters_revises_id"), "letters", ["revises_id"], unique=False)
    op.create_table(
        "list_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("list_id", sa.BigInteger(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("part", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("names", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("birth_year", sa.Integer(), nullable=True),
        sa.Column("born", sa.Date(), nullable=True),
        sa.Column("says", sa.Text(), server_default="", nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("raw", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.Column("fault_words", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("key", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "(fault <> '') OR (names <> '{}' AND says <> '')", name=op.f("ck_list_entries_understood_or_faulty")
        ),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_list_entries_list_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_entries")),
        sa.UniqueConstraint("list_id", "row", "part", name=op.f("uq_list_entries_list_id_row_part")),
        comment="lines of a list; part: of several people in one row, which; fault: what of it could not be understood,"
        " raw: what it said, whatever became of it; key: the same for lines that name one person in one way",
    )
    op.create_index("ix_list_entries_key", "list_entries", ["key"], unique=False, postgresql_where=sa.text("key <> ''"))
    op.create_index(op.f("ix_list_entries_list_id"), "list_entries", ["list_id"], unique=False)
    op.create_table(
        "list_looks",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("matcher", sa.Text(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("ids", sa.Numeric(), nullable=False),
        sa.Column("register", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("block", "matcher", name=op.f("pk_list_looks")),
        comment="which lines (512 a block) were compared with which state of the register",
    )
    op.create_table(
        "list_undos",
        sa.Column("list_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("undone_by", sa.Text(), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_list_undos_list_id")),
        sa.PrimaryKeyConstraint("list_id", name=op.f("pk_list_undos")),
        comment="lists that were imported by mistake; their lines stay, and count for nothing",
    )
    op.create_table(
        "tips",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("platform", sa.Text(), server_default="", nullable=False),
        sa.Column("link", sa.Text(), server_default="", nullable=False),
        sa.Column("blob_id", sa.BigInteger(), nullable=True),
        sa.Column("at_seconds", sa.Integer(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("came_by", sa.Text(), nullable=False),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("came_by IN ('form', 'command', 'csv')", name=op.f("ck_tips_came_by")),
        sa.CheckConstraint("(platform = '') = (link = '')", name=op.f("ck_tips_link_of_a_platform")),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name=op.f("fk_tips_blob_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tips")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_tips_code_hash")),
        comment="what relatives sent: a link as they wrote it, and the moment in it; link: of one post, as posts are"
        " addressed, where it is of a platform that is read; code_hash: of what opens their page",
    )
    op.create_index(op.f("ix_tips_blob_id"), "tips", ["blob_id"], unique=False)
    op.create_index("ix_tips_link", "tips", ["link"], unique=False, postgresql_where=sa.text("link <> ''"))
    op.create_table(
        "letter_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("letter_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("dated", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("noted_by", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "event IN ('confirmed', 'offered', 'approved', 'refused', 'sent', 'acknowledged', 'answered', 'given up')",
            name=op.f("ck_letter_events_event"),
        ),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name=op.f("fk_letter_events_letter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter_events")),
        comment="what became of a letter; approved by another person than its writer, and sent only then, as the"
        " database holds, too; content: hash of what was approved",
    )
    op.create_index(op.f("ix_letter_events_letter_id"), "letter_events", ["letter_id"], unique=False)
    op.create_table(
        "letter_files",
        sa.Column("letter_id", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("format IN ('draft', 'docx', 'pdf', 'package')", name=op.f("ck_letter_files_format")),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name=op.f("fk_letter_files_letter_id")),
        sa.PrimaryKeyConstraint("letter_id", "format", name=op.f("pk_letter_files")),
        comment="a letter with its annex as it goes out; sha256 stands in the custody log, too",
    )
    op.create_table(
        "letter_people",
        sa.Column("letter_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name=op.f("fk_letter_people_letter_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_letter_people_person_id")),
        sa.PrimaryKeyConstraint("letter_id", "person_id", name=op.f("pk_letter_people")),
        comment="whom a letter is about",
    )
    op.create_index(op.f("ix_letter_people_person_id"), "letter_people", ["person_id"], unique=False)
    op.create_table(
        "list_decisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("same", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["list_entries.id"], name=op.f("fk_list_decisions_entry_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_list_decisions_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_decisions")),
        comment="whether a line speaks of this person; the newest of a pair counts",
    )
    op.create_index(op.f("ix_list_decisions_entry_id"), "list_decisions", ["entry_id"], unique=False)
    op.create_index("ix_list_decisions_newest", "list_decisions", ["entry_id", "person_id", "id"], unique=False)
    op.create_index(op.f("ix_list_decisions_person_id"), "list_decisions", ["person_id"], unique=False)
    op.create_table(
        "list_matches",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("why", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["list_entries.id"], name=op.f("fk_list_matches_entry_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_list_matches_person_id")),
        sa.PrimaryKeyConstraint("entry_id", "person_id", name=op.f("pk_list_matches")),
        comment="entries of the register that a line may speak of, for people to decide; worked out by the names alone",
    )
    op.create_index(op.f("ix_list_matches_person_id"), "list_matches", ["person_id"], unique=False)
    op.create_table(
        "statements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("dated", sa.Date(), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("list_entry_id", sa.BigInteger(), nullable=True),
        sa.Column("letter_id", sa.BigInteger(), nullable=True),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(source = 'list') = (list_entry_id IS NOT NULL)", name=op.f("ck_statements_of_a_list")),
        sa.CheckConstraint(
            "btrim(body) <> '' AND btrim(reference) <> ''", name=op.f("ck_statements_by_whom_and_where")
        ),
        sa.CheckConstraint(
            "source IN ('document', 'list', 'letter', 'decision', 'post', 'register')",
            name=op.f("ck_statements_source"),
        ),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name=op.f("fk_statements_letter_id")),
        sa.ForeignKeyConstraint(["list_entry_id"], ["list_entries.id"], name=op.f("fk_statements_list_entry_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_statements_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statements")),
        comment="what somebody said of a person's fate: who (body), where (source, reference), when (dated), of"
        " which day (since); status: what the person is to the office from then on, null: a claim that"
        " changes nothing",
    )
    op.create_index(op.f("ix_statements_letter_id"), "statements", ["letter_id"], unique=False)
    op.create_index(op.f("ix_statements_list_entry_id"), "statements", ["list_entry_id"], unique=False)
    op.create_index(op.f("ix_statements_person_id"), "statements", ["person_id"], unique=False)
    op.create_table(
        "tip_contacts",
        sa.Column("tip_id", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tip_id"], ["tips.id"], name=op.f("fk_tip_contacts_tip_id")),
        sa.PrimaryKeyConstraint("tip_id", name=op.f("pk_tip_contacts")),
        comment="whom they recognise, in their words, and how to reach them: sealed, for the case officer alone",
    )
    op.create_table(
        "tip_notes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tip_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("source_id", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("noted_by", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(kind = 'about') = (person_id IS NOT NULL)", name=op.f("ck_tip_notes_about_somebody")),
        sa.CheckConstraint(
            "kind IN ('taken up', 'about', 'refused', 'to be told', 'note', 'closed')", name=op.f("ck_tip_notes_kind")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_tip_notes_person_id")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_tip_notes_source_id")),
        sa.ForeignKeyConstraint(["tip_id"], ["tips.id"], name=op.f("fk_tip_notes_tip_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tip_notes")),
        comment="what a case officer did with a tip; `taken up`: its link is collected from then on, as this source",
    )
    op.create_index(op.f("ix_tip_notes_person_id"), "tip_notes", ["person_id"], unique=False)
    op.create_index(op.f("ix_tip_notes_source_id"), "tip_notes", ["source_id"], unique=False)
    op.create_index(op.f("ix_tip_notes_tip_id"), "tip_notes", ["tip_id"], unique=False)
    op.create_table(
        "statement_withdrawals",
        sa.Column("statement_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("withdrawn_by", sa.Text(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["statement_id"], ["statements.id"], name=op.f("fk_statement_withdrawals_statement_id")
        ),
        sa.PrimaryKeyConstraint("statement_id", name=op.f("pk_statement_withdrawals")),
        comment="statements that were entered by mistake, or of a list that was undone: they stay, and count for"
        " nothing",
    )
    op.create_table(
        "letter_candidates",
        sa.Column("letter_id", sa.BigInteger(), nullable=False),
        sa.Column("candidate_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidates.id"], name=op.f("fk_letter_candidates_candidate_id")),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name=op.f("fk_letter_candidates_letter_id")),
        sa.PrimaryKeyConstraint("letter_id", "candidate_id", name=op.f("pk_letter_candidates")),
        comment="possible sightings that a letter tells of",
    )
    op.create_index(op.f("ix_letter_candidates_candidate_id"), "letter_candidates", ["candidate_id"], unique=False)
    op.create_table(
        "tip_readers",
        sa.Column("tip_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("first_read_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tip_id"], ["tips.id"], name=op.f("fk_tip_readers_tip_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tip_readers_user_id")),
        sa.PrimaryKeyConstraint("tip_id", "user_id", name=op.f("pk_tip_readers")),
        comment="who has read a tip: they are asked about nobody whom its post shows, whenever that is found",
    )
    op.create_index(op.f("ix_tip_readers_user_id"), "tip_readers", ["user_id"], unique=False)
    op.create_table(
        "tip_counts",
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("since", "what", name=op.f("pk_tip_counts")),
        comment="how often the form was sent in an hour or a day: by whom (a hash), and what became of it; against"
        " floods",
    )
    op.execute(RECIPIENTS_STAY)
    op.execute("ALTER TABLE letter_recipients ENABLE ALWAYS TRIGGER recipients_stay")
    for table in TABLES:
        if table not in CHANGING:
            defend_but_erasure(table)
    for statement in lettering.MAKE:
        op.execute(statement)


def downgrade() -> None:
    """Remove them, and what they held."""
    for statement in lettering.REMOVE:
        op.execute(statement)
    op.execute("DROP VIEW group_case_files")
    for table in reversed(TABLES):
        op.drop_table(table)
    op.create_table_comment("persons", PEOPLE, existing_comment=PEOPLE_SAID)
    op.drop_column("persons", "first_status")
    op.drop_index("ix_verdicts_sighting", table_name="verdicts", postgresql_where=sa.text("verdict = 'sighting'"))
    op.drop_index("ix_posts_asked", table_name="posts")
    op.drop_column("posts", "again_after")
    op.drop_column("posts", "published_known_at")
    op.create_table_comment("posts", POSTS, existing_comment=POSTS_DATED)
    op.drop_column("media_items", "carried_at")
    op.create_table_comment("media_items", ATTACHMENTS, existing_comment=ATTACHMENTS_SINCE)
    op.execute("DROP FUNCTION is_searched(text)")
    op.create_table_comment("sources", SOURCES_BEFORE, existing_comment=SOURCES)
    op.drop_column("sources", "single")
