"""What is owed to evidence and to people: read it again, let go of it in time, erase it when two people order it."""
