//! What a hand and its engine say to each other.
