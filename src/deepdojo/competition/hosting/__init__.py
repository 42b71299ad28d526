"""From a project folder to `events/NAME/public` and `events/NAME/private`: what is handed out, what is kept, what gives
the answers away. No page, no database, no network."""

from deepdojo.competition.hosting.publish import Published, publish
from deepdojo.competition.hosting.solution import Solution, read_solution

__all__ = ["Published", "Solution", "publish", "read_solution"]
