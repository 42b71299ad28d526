"""The loops that an expert would write: plain PyTorch, one file a workload, each the same model, data, batches and
update rule as the recipe of ours that it stands beside. Nothing is logged, shown or saved."""
