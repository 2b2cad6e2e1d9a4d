"""Key services: who holds the key that clients' keys are wrapped with."""
