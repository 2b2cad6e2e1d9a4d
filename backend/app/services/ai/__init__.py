"""Models, prompts, answers and their grounding."""
