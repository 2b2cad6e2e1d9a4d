"""Work after commit: jobs on lanes."""
