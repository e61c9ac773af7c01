"""The machines: which Ray to use and what it has. Asks Ray, knows no video."""
