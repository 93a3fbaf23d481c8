"""The command `housing`: a few lines around the functions of the other packages."""
