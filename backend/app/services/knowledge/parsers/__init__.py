"""The seam to file formats: every file is one."""
