"""Training on plain PyTorch: batches, the loop, optimizers, schedules, checkpoints. Never here: files of the user,
metrics, a task's name."""
