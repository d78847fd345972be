"""Files that users send for paid work: forms to post them with, what was found in them, and links
to the one version that was checked.

Must not know which work they are for, nor how credits move."""
