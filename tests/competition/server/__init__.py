"""The competition server, asked over HTTP."""
