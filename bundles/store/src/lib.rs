//! One bundle file: written whole, opened, verified, read at random.

mod blob;
mod bundle;
mod join;
mod key;
mod scan;
mod split;
mod unpack;
mod verify;
mod write;

pub use blob::BlobReader;
pub use bundle::{Bundle, OpenError, Sealed, Unverified};
pub use join::{BadPart, JoinError, Joined, Parts};
pub use key::{KeyError, KeyPair, PublicKey, Trust, keygen, pin};
pub use scan::ScanError;
pub use split::{SplitError, split};
pub use verify::{BadBlob, VerifyError};
pub use write::{Written, write};
