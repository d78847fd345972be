"""Amazon S3, under `/s3`: versioned objects in memory, reached with real signatures. A form's
policy is enforced to the letter, which the usual stand-ins do not do."""
