"""The analysts' web application: plain pages behind a login.

Each route is a `review.doors.Door` that says who may pass; whoever forgets to say so has shut it.
"""
