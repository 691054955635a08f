"""Pictures out of footage: stills, clips and the looks of the picture watch, all made in a process of their own (I9)."""
