"""The competition server's web process: API, pages, who may ask. What is done stands in `competition.service`."""
