"""The steps (collect, fetch, analyze, enroll, match, illustrate), the runner that acts on them, the command line."""
