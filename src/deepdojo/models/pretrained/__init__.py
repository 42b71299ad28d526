"""Checkpoints of Hugging Face Transformers, read into our models and written back: one architecture a file."""
