"""Letters to other offices as text: templates, and drafts filled from possible sightings.  Knows no database."""
