"""The seam to vector stores: every file is one."""
