//! What a bundle is: its index, its digests, its seal.
