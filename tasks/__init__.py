"""One verb each: a retry policy, one call on a system, one decision of the domain."""
