"""Nothing of a letter leaves without a second person: the rules as the database holds them, whoever speaks SQL to it.

Each is named as the constraint that it breaks.  An approval is of a content: of the words, to whom they go, what they
tell of and whether packages of evidence go along.  Letters are not changed, but a lawful erasure takes words and
sightings out of them: what was approved before has to be approved anew.
"""

# Of the letter as it stands now, as hex.
CONTENT = """
    CREATE FUNCTION letter_content(letter bigint) RETURNS text LANGUAGE sql STABLE AS $$
        SELECT encode(sha256(convert_to(json_build_array(
                   recipient_id, language, subject, body, with_package,
                   (SELECT array_agg(person_id ORDER BY person_id) FROM public.letter_people WHERE letter_id = letter),
                   (SELECT array_agg(candidate_id ORDER BY candidate_id) FROM public.letter_candidates
                     WHERE letter_id = letter))::text, 'UTF8')), 'hex')
          FROM public.letters WHERE id = letter
    $$"""
# How far it is, as `storage.letters` tells it: the newest event that is no confirmation of a word form.
STATE = """
    CREATE FUNCTION letter_state(letter bigint) RETURNS text LANGUAGE sql STABLE AS $$
        SELECT coalesce(
            (SELECT CASE WHEN event = 'approved' AND content IS DISTINCT FROM letter_content(letter) THEN 'offered'
                         ELSE event END
               FROM public.letter_events WHERE letter_id = letter AND event <> 'confirmed' ORDER BY id DESC LIMIT 1),
            'written')
    $$"""
# By whom it was approved as it is; null: nobody did, or it was written anew since.
APPROVED_BY = """
    CREATE FUNCTION letter_approved_by(letter bigint) RETURNS text LANGUAGE sql STABLE AS $$
        SELECT noted_by FROM public.letter_events
         WHERE letter_id = letter AND event = 'approved' AND letter_state(letter) = 'approved'
           AND NOT EXISTS (SELECT FROM public.letters AS later WHERE later.revises_id = letter)
         ORDER BY id DESC LIMIT 1
    $$"""
BREAK = """
    CREATE FUNCTION break_letter_rule(rule text) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = rule,
                              MESSAGE = 'this breaks a rule of letters: ' || replace(rule, '_', ' ');
    END $$"""
# The lock of `storage.letters`: of two who come at once, the second sees what the first did.
CHECK_EVENT = """
    CREATE FUNCTION check_letter_event() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        writer text := (SELECT made_by FROM public.letters WHERE id = NEW.letter_id);
        reader text;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('lastseen.letters', NEW.letter_id));
        NEW.content := NULL;
        IF NEW.event = 'approved' THEN
            NEW.content := letter_content(NEW.letter_id);
            IF NEW.noted_by = writer THEN
                PERFORM break_letter_rule('approved_by_another_than_its_writer');
            ELSIF letter_state(NEW.letter_id) <> 'offered'
                  OR EXISTS (SELECT FROM public.letters AS later WHERE later.revises_id = NEW.letter_id) THEN
                PERFORM break_letter_rule('approved_when_it_was_offered');
            END IF;
        ELSIF NEW.event = 'sent' THEN
            reader := letter_approved_by(NEW.letter_id);
            IF reader IS NULL OR reader = writer THEN
                PERFORM break_letter_rule('sent_as_another_approved_it');
            ELSIF (SELECT count(*) FROM public.letter_files WHERE letter_id = NEW.letter_id AND format <> 'draft')
                  < (SELECT CASE WHEN with_package THEN 3 ELSE 2 END FROM public.letters WHERE id = NEW.letter_id) THEN
                PERFORM break_letter_rule('sent_when_its_files_are_made');
            ELSIF NEW.dated IS NULL
                  OR NEW.dated < (SELECT (noted_at AT TIME ZONE 'UTC')::date FROM public.letter_events
                                   WHERE letter_id = NEW.letter_id AND event = 'approved' ORDER BY id DESC LIMIT 1)
            THEN
                PERFORM break_letter_rule('sent_after_it_was_approved');
            END IF;
        END IF;
        RETURN NEW;
    END $$"""
CHECK_FILE = """
    CREATE FUNCTION check_letter_file() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('lastseen.letters', NEW.letter_id));
        IF NEW.format <> 'draft' AND letter_approved_by(NEW.letter_id) IS NULL THEN
            PERFORM break_letter_rule('files_of_an_approved_letter');
        END IF;
        RETURN NEW;
    END $$"""
RULES = (("letter_events", "check_letter_event"), ("letter_files", "check_letter_file"))
"""table, what checks it"""

MAKE = (
    *(CONTENT, STATE, APPROVED_BY, BREAK, CHECK_EVENT, CHECK_FILE),
    *(
        f"CREATE TRIGGER lettering BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {check}()"
        for table, check in RULES
    ),
    *(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER lettering" for table, _ in RULES),  # also in a session that replays
)
"""to be executed when all tables are there"""

REMOVE = (
    *(f"DROP FUNCTION {check}() CASCADE" for _, check in RULES),
    "DROP FUNCTION break_letter_rule(text)",
    "DROP FUNCTION letter_approved_by(bigint)",
    "DROP FUNCTION letter_state(bigint)",
    "DROP FUNCTION letter_content(bigint)",
)
