"""A message's journey: receive, answer, deliver."""
