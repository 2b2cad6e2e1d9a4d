"""The seam to embedders: every file is one."""
