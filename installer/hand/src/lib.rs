//! What runs on a host: facts, files, commands, units.
