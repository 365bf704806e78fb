"""The register of missing persons: an office's list and photos come in, each photo is checked, its keeper decides."""
