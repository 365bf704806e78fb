"""Reports of a day, a month and a year: figures drawn as pages that need nothing else, in each language."""
