"""Our own sessions: access tokens for minutes, refresh tokens for days, in a body or a cookie.

Knows who users are; knows no job, no money beyond whether there is a wallet."""
