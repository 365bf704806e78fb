"""What leaves the office about people, in formats that other offices read.  Pure: records in, bytes out.

Nothing biometric is written in any of them: no picture, no template, no distance, no place of a face.
"""
