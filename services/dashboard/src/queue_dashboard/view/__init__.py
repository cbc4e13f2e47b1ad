"""How things are shown: templates, assets, times and sizes in words."""
