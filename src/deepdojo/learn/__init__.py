"""A learner's folder: which lesson is next, its stub and its text, the watching of its file, a class's progress files.

Not here: what is right and what is wrong (`grader/`), training with what was written (`session/`).
"""
