"""What `dojo new` concludes from a file or folder: one module for tables, one for images. Writes nothing."""
