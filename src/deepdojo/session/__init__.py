"""The walk from a project to a finished run, step by step: what `dojo train` does. Verbs for users are in
`deepdojo.api`."""
