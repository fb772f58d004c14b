"""The first day: what a store is asked, the files that come of it, and whether all is right. Nothing here is a face."""
