"""A stateful AssemblyAI: uploads, transcripts, their list, and webhooks. It transcribes nothing:
what was said follows from the address."""
