"""The seam to channels: every file is one."""
