"""Puts a server's large parts where hosts fetch them: Swift, S3, a collector or a folder, with URLs that work."""
