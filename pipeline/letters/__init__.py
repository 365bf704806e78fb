"""Letters to other offices as files: DOCX and PDF with an annex, made by workers."""
