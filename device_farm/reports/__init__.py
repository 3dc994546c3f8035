"""What a run found, told to people: as a page, as a comment on a change."""
