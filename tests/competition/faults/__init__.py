"""The ten faults that a server must survive; README.md says which test shows which."""

from pathlib import Path

dying_server_path = str(Path(__file__).with_name("dying_server.py"))
