"""Pages about the office itself: its custody log, its state, its calibration, its register."""
