"""The object store keeps what it says it keeps."""

import hashlib
from datetime import timedelta

from lastseen.clock import utcnow
from lastseen.outcomes import ObjectToStore
from storage.objects import EVIDENCE
from storage.stores import Stores


def test_putting_twice_writes_once(stores: Stores) -> None:
    content = b"some bytes"
    obj = ObjectToStore(EVIDENCE, "blob/a", content, hashlib.sha256(content).hexdigest(), "text/plain")
    until = utcnow() + timedelta(days=30)
    first = stores.objects.put_verified(obj, until)
    again = stores.objects.put_verified(obj, until)
    assert first.created
    assert not again.created
    assert first.version_id == again.version_id
    assert stores.objects.read(EVIDENCE, "blob/a") == content
    assert stores.objects.probe_lock() == stores.objects.probe_lock()
