"""The journal and the library: what is kept, by whom it is written, how it is checked."""
