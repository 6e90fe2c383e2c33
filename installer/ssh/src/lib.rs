//! Connects to hosts over SSH and puts a hand on them.
