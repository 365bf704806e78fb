"""When posts are looked for again, and when one that is not there is gone: the same on every platform.

Posts of a day are due hourly, of a week daily, of a month weekly, those with a candidate that waits or was confirmed
daily for as long as that is so: what people have rejected, and who is found, gives no reason to look again.  What
somebody asked for is due at once, however old it is.  What is
missing is looked for again as soon as a second look may say that it is gone, and what was never looked for as soon as
may be.  These are pieces of SQL; `which` chooses the posts of one channel or page.
"""

from datetime import timedelta

from storage.tables import ASKED_FOR

YOUNG = timedelta(days=7)
"""most posts that are deleted at all are deleted younger than that"""


def due(which: str, moment: str) -> str:
    """Selects the ids of posts that are due; `moment` is when a post was published.  Binds `second_look`.

    A little less than an hour, a day, a week: a schedule of the same length must not find a post due every second time.
    Each reason has an index of its own, so that what is due is found at the same price however long the past is.
    """
    return f"""
        SELECT id FROM posts
         WHERE {which} AND {moment} > now() - interval '30 days'
           AND checked_at <= now() - CASE WHEN {moment} > now() - interval '1 day' THEN interval '54 minutes'
                                          WHEN {moment} > now() - interval '7 days' THEN interval '21 hours'
                                          ELSE interval '6 days' END
        UNION
        SELECT id FROM posts
         WHERE {which} AND (seen = 'missing' OR checked_at IS NULL)
           AND (checked_at IS NULL OR checked_at <= now() - :second_look)
        UNION
        SELECT id FROM posts WHERE {which} AND {ASKED_FOR}
        UNION
        SELECT posts.id FROM candidates
          JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
          JOIN media_items ON media_items.blob_id = analyses.blob_id JOIN posts ON posts.id = media_items.post_id
          JOIN persons ON persons.id = candidates.person_id AND is_searched(persons.status)
         WHERE candidates.state IN ('open', 'joined', 'displaced', 'undecided', 'sighting')
           AND {which} AND checked_at <= now() - interval '21 hours'"""  # noqa: S608  our own words


def miss(which: str) -> str:
    """Makes posts that were not found missing, or gone if they were missing for long enough already.

    Binds `at` and `second_look`; returns id, number, seen and what it was `before`.
    """
    return f"""
    WITH missed AS (SELECT id, seen FROM posts WHERE {which} FOR UPDATE)
    UPDATE posts
       SET seen = CASE WHEN missed.seen = 'present' THEN 'missing'
                       WHEN missed.seen = 'missing' AND missing_since <= CAST(:at AS timestamptz) - :second_look
                       THEN 'gone' ELSE missed.seen END,
           missing_since = coalesce(missing_since, :at), checked_at = :at
      FROM missed WHERE missed.id = posts.id
    RETURNING posts.id, posts.number, posts.seen, missed.seen AS before"""  # noqa: S608  our own words


TOLD = "seen = 'gone' OR (seen = 'missing' AND missing_since > now() - :second_look)"
"""that it is not there is known already, and now is no second look"""
