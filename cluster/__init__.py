"""Machines: which Ray to use and its resources. Queries Ray; does not depend on videos."""
