"""What paid work has delivered, where it is too large or too private for the job's own item.

Knows no job, no price and no kind of work: a result is a verdict and a JSON document."""
