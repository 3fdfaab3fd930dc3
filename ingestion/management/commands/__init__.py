"""Commands: read one file, and report on a folder of sample files. Neither needs the database."""
