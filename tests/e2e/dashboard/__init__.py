"""See the folder's file names: one behaviour each."""
