"""The analyst's desk: the queue, one review after the other, and what becomes of the answers."""
