"""Bundled data files; NOTICE states where each comes from and under which terms."""
