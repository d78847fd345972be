"""What users see and do with their own account: who they are, what they sign in with, and the hook
by which Cognito reports a new user.

Knows no job and no provider; what other features hold of a user they register themselves."""
