"""The competition server's memory."""
