//! Builds a bundle from a catalogue: sources, images, closure, seal.
