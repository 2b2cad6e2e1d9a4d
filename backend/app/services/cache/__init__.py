"""The seam to caches: every file is one."""
