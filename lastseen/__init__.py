"""The words of the project: records, settings, outcomes, lifecycle and the clock.

Every room may import this one; it imports none of them.
"""

__version__ = "0.1.0"
