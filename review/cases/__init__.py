"""What there is to read once people have decided: records, possible sightings, people, roll calls, hints."""
