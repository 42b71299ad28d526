"""The 30 attacks against a real server, by HTTP or the command line alone; README.md says which test is which."""
