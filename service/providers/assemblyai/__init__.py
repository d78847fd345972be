"""AssemblyAI as a vendor of transcripts: how it is called, and what its responses mean.

Knows no credits and no job but its id."""
