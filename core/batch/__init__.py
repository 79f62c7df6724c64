"""Many files: one row a file, whatever becomes of it, on this machine or on a cluster.

Row, :func:`~core.batch.rows.row_of` and :func:`~core.batch.many.analyse_many` are what others use.
"""
