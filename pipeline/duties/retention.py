"""What may not be kept goes: `lastseen retention`, and the DAG of that name."""

from collections import Counter

from pipeline.app import App
from pipeline.duties import template_files
from storage import care, custody, known_pairs, retention, tips
from storage.custody import Action, Entry
from storage.database import Connection
from storage.objects import DERIVED, REGISTER
from storage.retention import Due, Photos


def due(app: App) -> Due:
    """How much would go now."""
    with app.stores.db.connect() as db:
        return retention.due(db, app.settings.retention_days, app.settings.photo_retention_days)


def run(app: App) -> dict[str, int]:
    """Take everything that is due.  Returns counts.  Raises storage.objects.StoreUnavailable; run it again then."""
    counts: Counter[str] = Counter({"tracks": 0, "photos": 0})
    try:
        while gone := _tracks(app):
            counts.update(gone)
        while gone := _photos(app):
            counts.update(gone)
        counts.update(_known_pairs(app))
        while gone := _contacts(app):
            counts.update(gone)
    finally:
        template_files.sweep(app)  # also when nothing was due here: another machine may have taken it
    return dict(counts)


def _tracks(app: App) -> dict[str, int]:
    """One batch of tracks; empty when nothing is left."""
    with app.stores.db.begin() as db:
        tracks, templates = retention.forget(db, app.settings.retention_days)
    if not tracks:
        return {}
    with app.stores.db.begin() as db:
        crops = retention.crops(db, tracks)
    for key in crops:
        app.stores.objects.erase(DERIVED, key)
    gone = {"tracks": len(tracks), "templates": templates, "crops": len(crops)}
    with app.stores.db.begin() as db:
        retention.drop(db, tracks)
        custody.append_all(db, app.actor, [_expired("tracks", gone, app.settings.retention_days)])
    return gone


def _photos(app: App) -> dict[str, int]:
    """One batch of photos.  Objects go while their people's rows are held: nobody makes one missing again meanwhile."""
    with app.stores.db.begin() as db:
        photos = retention.photos(db, app.settings.photo_retention_days)
        if not photos.ids:
            return {}
        take(app, db, photos)
        gone = {"photos": len(photos.ids)}
        custody.append_all(db, app.actor, [_expired("photos", gone, app.settings.photo_retention_days)])
    return gone


def _known_pairs(app: App) -> dict[str, int]:
    """Pictures of pairs that are not shown any more, and answers that are as old as figures may be."""
    gone = 0
    with app.stores.db.begin() as db:
        known_pairs.retire_worn(db)
        care.forget_days(db)
    while True:
        with app.stores.db.begin() as db:
            worn = known_pairs.worn_pictures(db)
        if not worn:
            break
        for key in sorted(key for those in worn.values() for key in those):
            app.stores.objects.erase(DERIVED, key)
        with app.stores.db.begin() as db:
            known_pairs.drop_pictures(db, list(worn))
        gone += len(worn)
    with app.stores.db.begin() as db:
        answers = known_pairs.expire(db, app.settings.figures_days)
        if answers:
            told = {"known_answers": answers}
            custody.append_all(db, app.actor, [_expired("known_answers", told, app.settings.figures_days)])
    return {"known_pairs": gone, "known_answers": answers} if gone or answers else {}


def _contacts(app: App) -> dict[str, int]:
    """One batch of what relatives wrote of themselves; empty when nothing is left."""
    with app.stores.db.begin() as db:
        entries = tips.expire(db, app.settings.tip_contact_days)
        custody.append_all(db, app.actor, entries)
    return {"contacts": len(entries)} if entries else {}


def take(app: App, db: Connection, photos: Photos) -> None:
    """Erase the objects of some photos, then say so in their rows.  Raises storage.objects.StoreUnavailable."""
    for bucket, keys in ((REGISTER, photos.objects), (DERIVED, photos.crops)):
        for key in keys:
            app.stores.objects.erase(bucket, key)
    retention.empty(db, photos.ids)


def _expired(what: str, gone: dict[str, int], days: int) -> Entry:
    return Entry(Action.EXPIRED, what, gone, f"retention of {days} days")
