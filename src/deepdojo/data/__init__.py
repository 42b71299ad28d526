"""Projects, sources, readers, splits, codecs, checks: from raw files to rows. Torch-free; no model, no metric, no
page."""
