"""The daily report: figures of a day, drawn as one page that needs nothing else."""
