"""Pages of letters to other offices: writing, approving, what became of them; recipients and templates."""
