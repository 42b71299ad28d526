"""Codecs: what a task learns from training rows to turn cells into arrays and back. Each has JSON state; none knows
a task or torch."""
