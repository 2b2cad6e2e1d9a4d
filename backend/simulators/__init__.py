"""The world outside, over HTTP on loopback: what platforms and model providers do, and how they misbehave."""
