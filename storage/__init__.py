"""PostgreSQL and S3: tables, one file of queries a subject, evidence, custody, the embedded servers.

SQL lives in this room only.  Functions take a connection and leave transactions to their caller.
"""
