"""Puts a server's large parts into OpenStack Swift: uploads, TempURLs, and the check that hosts can reach them."""
