"""The rules of judging, as the database holds them, whoever speaks SQL to it.

Each is named as the constraint that it breaks: `storage.judgements.WORDS` has the words for people.  Whoever judges,
undoes or concludes takes the lock of `storage.candidates.lock_question` here at the latest, so that two who come at
once follow each other, and the second sees what the first said.  Judgements of a question are those on the candidate,
and those on others that ask the same of the same face, which `also_judged` lists: which those are cannot be told by
SQL.

Who was told of which question is in `tellings`, and who of which person in `tellings_of_people`: whoever shows
something writes them (`storage.tellings`).
"""

# `lastseen.judging.weigh`: of judgements in the order in which they were given.  A reviewer counts once, by the last.
WEIGHED = """
    CREATE FUNCTION weighed(reviewers bigint[], stages text[], answers smallint[], OUT verdict text, OUT due text)
    LANGUAGE plpgsql IMMUTABLE AS $$
    DECLARE
        people integer; yes integer; no integer; seniors integer; settled smallint;
    BEGIN
        SELECT count(*), count(*) FILTER (WHERE answer >= 2), count(*) FILTER (WHERE answer <= -2),
               count(*) FILTER (WHERE stage = 'senior'),
               (array_agg(answer ORDER BY place DESC) FILTER (WHERE stage = 'senior'))[1]
          INTO people, yes, no, seniors, settled
          FROM (SELECT DISTINCT ON (reviewer) * FROM unnest(reviewers, stages, answers)
                       WITH ORDINALITY AS given (reviewer, stage, answer, place)
                 ORDER BY reviewer, place DESC) AS said;
        verdict := 'open';
        IF people = 0 THEN
            due := 'triage';
        ELSIF seniors > 0 THEN
            verdict := CASE WHEN settled <= -2 THEN 'rejected' WHEN settled >= 2 AND yes > 1 THEN 'sighting'
                            ELSE 'undecided' END;
        ELSIF yes = 0 AND (no > 0 OR people > 1) THEN
            verdict := CASE WHEN no > 0 THEN 'rejected' ELSE 'undecided' END;
        ELSIF people = 1 THEN
            due := 'second';
        ELSIF yes = people THEN
            verdict := 'sighting';
        ELSE
            due := 'senior';
        END IF;
    END $$"""

# Neither undone, nor superseded by one that was not undone, nor set aside with a rejection by an order.
STANDS = """
    CREATE FUNCTION judgement_stands(judgement bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT NOT EXISTS (SELECT FROM public.judgement_undos WHERE judgement_id = judgement)
           AND NOT EXISTS (SELECT FROM public.judgements AS later WHERE later.supersedes = judgement
                              AND NOT EXISTS (SELECT FROM public.judgement_undos WHERE judgement_id = later.id))
           AND NOT EXISTS (SELECT FROM public.rejection_revocations
                             JOIN public.rejections ON rejections.id = rejection_id
                             JOIN public.verdicts ON verdicts.id = rejections.verdict_id
                            WHERE sets_aside AND judgement = ANY(verdicts.judgements))
    $$"""
OF_QUESTION = """
    CREATE FUNCTION judgements_of(asked bigint) RETURNS SETOF public.judgements LANGUAGE sql STABLE AS $$
        SELECT * FROM public.judgements WHERE candidate_id = asked
         UNION
        SELECT * FROM public.judgements
         WHERE id IN (SELECT judgement_id FROM public.also_judged WHERE also_judged.candidate_id = asked)
    $$"""
WEIGHED_OF = """
    CREATE FUNCTION weighed_of(asked bigint, OUT verdict text, OUT due text, OUT judged bigint[])
    LANGUAGE sql STABLE AS $$
        SELECT (weighed(reviewers, stages, answers)).*, coalesce(ids, '{}')
          FROM (SELECT array_agg(reviewer_id ORDER BY id), array_agg(stage ORDER BY id), array_agg(answer ORDER BY id),
                       array_agg(id ORDER BY id)
                  FROM judgements_of(asked) WHERE judgement_stands(id)) AS said (reviewers, stages, answers, ids)
    $$"""
# What was undone was never said; what was superseded or set aside was.
HAS_JUDGED = """
    CREATE FUNCTION has_judged(who bigint, asked bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT EXISTS (SELECT FROM judgements_of(asked) AS said WHERE said.reviewer_id = who
                          AND NOT EXISTS (SELECT FROM public.judgement_undos WHERE judgement_id = said.id))
    $$"""
# Which candidates may ask what this one asks: for the same person, or one who is declared to be the same, of the same
# cast member; of any face in another analysis of the file, or in another file with the same footage, since SQL cannot
# tell which of them is the same.  Each asks what itself asks.
ASK_ALIKE = """
    CREATE FUNCTION ask_alike(asked bigint) RETURNS SETOF bigint LANGUAGE sql STABLE AS $$
        WITH RECURSIVE mine AS (
            SELECT track_id, person_id, analysis_id, blob_id
              FROM public.candidates JOIN public.tracks ON tracks.id = track_id
              JOIN public.analyses ON analyses.id = analysis_id
             WHERE candidates.id = asked),
             member (track) AS (
            SELECT track_id FROM mine
             UNION SELECT CASE track WHEN one_track_id THEN other_track_id ELSE one_track_id END
              FROM member JOIN public.cast_links ON track IN (one_track_id, other_track_id) AND withdrawn_at IS NULL),
             around (blob) AS (
            SELECT blob_id FROM mine
             UNION SELECT CASE around.blob WHEN one_blob_id THEN other_blob_id ELSE one_blob_id END
              FROM around JOIN public.repost_links ON around.blob IN (one_blob_id, other_blob_id)
                                                  AND withdrawn_at IS NULL),
             entry (person) AS (
            SELECT person_id FROM mine
             UNION SELECT CASE person WHEN one_person_id THEN other_person_id ELSE one_person_id END
              FROM entry JOIN public.ties ON kind = 'same' AND person IN (one_person_id, other_person_id))
        SELECT candidates.id
          FROM mine, public.candidates JOIN public.tracks ON tracks.id = candidates.track_id
          JOIN public.analyses ON analyses.id = tracks.analysis_id
         WHERE candidates.person_id IN (SELECT person FROM entry) AND analyses.blob_id IN (SELECT blob FROM around)
           AND (tracks.analysis_id <> mine.analysis_id OR tracks.id IN (SELECT track FROM member))
    $$"""
# All entries that are declared to be the same person as this one, with itself.
SAME_PEOPLE = """
    CREATE FUNCTION same_people(who bigint) RETURNS SETOF bigint LANGUAGE sql STABLE AS $$
        WITH RECURSIVE entry (person) AS (
            SELECT who
             UNION SELECT CASE person WHEN one_person_id THEN other_person_id ELSE one_person_id END
              FROM entry JOIN public.ties ON kind = 'same' AND person IN (one_person_id, other_person_id))
        SELECT person FROM entry
    $$"""
# Who was shown what was said of somebody knows that of whatever face is compared with them later, too.
WAS_TOLD = """
    CREATE FUNCTION was_told(who bigint, asked bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT (EXISTS (SELECT FROM public.tellings WHERE user_id = who)
                AND EXISTS (SELECT FROM ask_alike(asked) AS alike
                              JOIN public.tellings ON candidate_id = alike AND user_id = who))
            OR (EXISTS (SELECT FROM public.tellings_of_people WHERE user_id = who)
                AND EXISTS (SELECT FROM public.candidates, same_people(candidates.person_id) AS entry
                              JOIN public.tellings_of_people AS told ON told.person_id = entry AND user_id = who
                             WHERE candidates.id = asked))
    $$"""
TOLD_OF = """
    CREATE FUNCTION told_of(asked bigint) RETURNS bigint[] LANGUAGE sql STABLE AS $$
        SELECT coalesce(array_agg(user_id ORDER BY user_id), '{}')
          FROM (SELECT user_id FROM ask_alike(asked) AS alike JOIN public.tellings ON candidate_id = alike
                 UNION
                SELECT user_id FROM public.candidates, same_people(candidates.person_id) AS entry
                  JOIN public.tellings_of_people AS told ON told.person_id = entry
                 WHERE candidates.id = asked) AS everybody
    $$"""
# By all roles that the account has, not by those which a program's token has of them.
ACCOUNT_JUDGES = """
    CREATE FUNCTION account_judges(who bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT EXISTS (SELECT FROM public.users WHERE id = who AND roles && '{analyst,senior}')
    $$"""
# `lastseen.judging.may_be_asked` and `may_replace`.
MAY_BE_ASKED = """
    CREATE FUNCTION may_be_asked(stage text, roles text[], judged boolean, told boolean) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
        SELECT roles && (CASE WHEN stage = 'senior' THEN '{senior}' ELSE '{analyst,senior}' END)::text[]
           AND NOT judged AND NOT told
    $$"""
MAY_REPLACE = """
    CREATE FUNCTION may_replace(before smallint, after smallint, told boolean) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
        SELECT NOT told OR coalesce(before, 0) >= 2
            OR (coalesce(after, 0) < 2 AND (coalesce(before, 0) <= -2 OR coalesce(after, 0) > -2))
    $$"""
BREAK = """
    CREATE FUNCTION break_rule(rule text) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = rule,
                              MESSAGE = 'this breaks a rule of judging: ' || replace(rule, '_', ' ');
    END $$"""
# One lock for all files that are linked as re-posts, over any number of others, named by the least of them: what is
# judged of a candidate changes nothing elsewhere.  Whoever changes links, or anything else on which candidates depend,
# holds `storage.candidates.lock` alone, which judging shares: so these files stay the same, and nobody takes the second
# lock without the first, nor two of the second.  Each statement sees what was there when its lock was had.
LOCK = """
    CREATE FUNCTION lock_judging(asked bigint) RETURNS bigint[] LANGUAGE plpgsql AS $$
    DECLARE
        files bigint[];
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(hashtext('lastseen.candidates'));
        WITH RECURSIVE around (blob) AS (
            SELECT blob_id FROM public.candidates JOIN public.tracks ON tracks.id = track_id
              JOIN public.analyses ON analyses.id = analysis_id
             WHERE candidates.id = asked
             UNION SELECT CASE around.blob WHEN one_blob_id THEN other_blob_id ELSE one_blob_id END
              FROM around JOIN public.repost_links ON around.blob IN (one_blob_id, other_blob_id)
                                                  AND withdrawn_at IS NULL)
        SELECT array_agg(blob ORDER BY blob) INTO files FROM around;
        PERFORM pg_advisory_xact_lock(hashtextextended('lastseen.footage ' || files[1], 0));
        RETURN files;
    END $$"""

# Who took it up while it was open may finish when another candidate has come to ask the same, or nearer people have: it
# counts there, or comes up again for that.
CHECK_JUDGEMENT = """
    CREATE FUNCTION check_judgement() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        may text[] := CASE WHEN NEW.stage = 'senior' THEN '{senior}' ELSE '{analyst,senior}' END;
    BEGIN
        PERFORM lock_judging(NEW.candidate_id);
        NEW.judged_at := clock_timestamp();
        IF NOT EXISTS (SELECT FROM public.users WHERE id = NEW.reviewer_id AND name = NEW.reviewer AND roles && may
                          AND disabled_at IS NULL) THEN
            PERFORM break_rule('judged_by_whom_it_takes');
        ELSIF NOT EXISTS (SELECT FROM public.reviews
                           WHERE id = NEW.review_id AND reviewer_id = NEW.reviewer_id
                             AND candidate_id = NEW.candidate_id AND described_at IS NOT NULL AND ended_at IS NULL
                             AND ends_at > clock_timestamp()) THEN
            PERFORM break_rule('judged_in_a_review');
        ELSIF NEW.supersedes IS NOT NULL THEN
            IF NOT EXISTS (SELECT FROM public.judgements
                            WHERE id = NEW.supersedes AND reviewer_id = NEW.reviewer_id
                              AND candidate_id = NEW.candidate_id AND stage = NEW.stage AND judgement_stands(id)) THEN
                PERFORM break_rule('supersedes_their_own');
            ELSIF NOT may_replace((SELECT answer FROM public.judgements WHERE id = NEW.supersedes), NEW.answer,
                                  was_told(NEW.reviewer_id, NEW.candidate_id)) THEN
                PERFORM break_rule('replaced_by_who_does_not_know');
            END IF;
        ELSIF has_judged(NEW.reviewer_id, NEW.candidate_id) THEN
            PERFORM break_rule('nobody_judges_twice');
        ELSIF was_told(NEW.reviewer_id, NEW.candidate_id) THEN
            PERFORM break_rule('judged_by_who_does_not_know');
        ELSIF NOT EXISTS (SELECT FROM public.candidates WHERE id = NEW.candidate_id
                             AND state IN ('open', 'joined', 'displaced', 'superseded')) THEN
            PERFORM break_rule('judged_while_it_is_open');
        ELSIF (SELECT due FROM weighed_of(NEW.candidate_id)) IS DISTINCT FROM NEW.stage THEN
            PERFORM break_rule('judged_when_it_is_due');
        END IF;
        RETURN NEW;
    END $$"""
CHECK_UNDO = """
    CREATE FUNCTION check_undo() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        said public.judgements;
    BEGIN
        PERFORM lock_judging((SELECT candidate_id FROM public.judgements WHERE id = NEW.judgement_id));
        NEW.undone_at := clock_timestamp();
        SELECT * INTO said FROM public.judgements WHERE id = NEW.judgement_id;
        IF said.reviewer_id IS DISTINCT FROM NEW.reviewer_id THEN
            PERFORM break_rule('undone_by_who_judged');
        ELSIF NOT judgement_stands(said.id) THEN
            PERFORM break_rule('undone_while_it_stands');
        ELSIF said.judged_at + interval '1 minute' < NEW.undone_at THEN
            PERFORM break_rule('undone_within_a_minute');
        END IF;
        RETURN NEW;
    END $$"""
CHECK_VERDICT = """
    CREATE FUNCTION check_verdict() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM lock_judging(NEW.candidate_id);
        IF (NEW.verdict, NEW.judgements) IS DISTINCT FROM
           (SELECT ROW (verdict, judged) FROM weighed_of(NEW.candidate_id)) THEN
            PERFORM break_rule('verdict_of_what_stands');
        END IF;
        RETURN NEW;
    END $$"""
# The verdict was kept, and is still what the judgements come to.
CHECK_STATE = """
    CREATE FUNCTION check_state() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.state IS DISTINCT FROM (SELECT verdict FROM weighed_of(NEW.id))
           OR NEW.state IS DISTINCT FROM (SELECT verdict FROM public.verdicts WHERE candidate_id = NEW.id
                                           ORDER BY id DESC LIMIT 1) THEN
            PERFORM break_rule('state_of_a_verdict');
        END IF;
        RETURN NEW;
    END $$"""
# A judgement counts elsewhere for the same person only, or for one whom the register declares to be the same.
CHECK_ALSO = """
    CREATE FUNCTION check_also_judged() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            WITH RECURSIVE entry (person) AS (
                SELECT person_id FROM public.candidates WHERE id = NEW.candidate_id
                 UNION SELECT CASE person WHEN one_person_id THEN other_person_id ELSE one_person_id END
                  FROM entry JOIN public.ties ON kind = 'same' AND person IN (one_person_id, other_person_id))
            SELECT FROM entry JOIN public.candidates ON person_id = person
              JOIN public.judgements ON candidate_id = candidates.id
             WHERE judgements.id = NEW.judgement_id) THEN
            PERFORM break_rule('also_judged_of_one_person');
        END IF;
        RETURN NEW;
    END $$"""
# Only a possible sighting, and only by a senior.
CHECK_HAND_OVER = """
    CREATE FUNCTION check_hand_over() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM lock_judging(NEW.candidate_id);
        NEW.handed_at := clock_timestamp();
        IF NOT EXISTS (SELECT FROM public.candidates WHERE id = NEW.candidate_id AND state = 'sighting') THEN
            PERFORM break_rule('handed_over_as_a_possible_sighting');
        ELSIF NOT EXISTS (SELECT FROM public.users WHERE name = NEW.handed_by AND 'senior' = ANY(roles)
                             AND disabled_at IS NULL) THEN
            PERFORM break_rule('handed_over_by_a_senior');
        END IF;
        RETURN NEW;
    END $$"""

RULES = (
    ("judgements", "INSERT", "", "check_judgement"),
    ("judgement_undos", "INSERT", "", "check_undo"),
    ("verdicts", "INSERT", "", "check_verdict"),
    ("candidates", "INSERT OR UPDATE OF state", "WHEN (NEW.state IN ('sighting', 'undecided'))", "check_state"),
    ("also_judged", "INSERT OR UPDATE", "", "check_also_judged"),
    ("hand_overs", "INSERT", "", "check_hand_over"),
)
"""table, what is checked, when, by which function"""

MAKE = (
    *(WEIGHED, STANDS, OF_QUESTION, WEIGHED_OF, HAS_JUDGED, BREAK, LOCK),
    *(ASK_ALIKE, SAME_PEOPLE, WAS_TOLD, TOLD_OF, ACCOUNT_JUDGES, MAY_BE_ASKED, MAY_REPLACE),
    *(CHECK_JUDGEMENT, CHECK_UNDO, CHECK_VERDICT, CHECK_STATE, CHECK_ALSO, CHECK_HAND_OVER),
    *(
        f"CREATE TRIGGER judging BEFORE {what} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {check}()"
        for table, what, when, check in RULES
    ),
    *(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER judging" for table, *_ in RULES),  # also in a session that replays
)
"""to be executed when all tables are there"""

REMOVE = (
    "DROP TRIGGER judging ON candidates",
    *(f"DROP FUNCTION {check}() CASCADE" for *_, check in RULES),
    "DROP FUNCTION may_replace(smallint, smallint, boolean)",
    "DROP FUNCTION may_be_asked(text, text[], boolean, boolean)",
    "DROP FUNCTION account_judges(bigint)",
    "DROP FUNCTION told_of(bigint)",
    "DROP FUNCTION was_told(bigint, bigint)",
    "DROP FUNCTION same_people(bigint)",
    "DROP FUNCTION ask_alike(bigint)",
    "DROP FUNCTION lock_judging(bigint)",
    "DROP FUNCTION break_rule(text)",
    "DROP FUNCTION has_judged(bigint, bigint)",
    "DROP FUNCTION weighed_of(bigint)",
    "DROP FUNCTION judgements_of(bigint)",
    "DROP FUNCTION judgement_stands(bigint)",
    "DROP FUNCTION weighed(bigint[], text[], smallint[])",
)
