"""The one table and its keys, Secrets Manager and S3: conditional writes, consistent reads.

Knows no feature; each declares its own kinds of items."""
