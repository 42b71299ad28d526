"""From a project folder to `events/NAME/public` and `events/NAME/private`: what is handed out, what is kept, what gives
the answers away. No page, no database, no network."""
