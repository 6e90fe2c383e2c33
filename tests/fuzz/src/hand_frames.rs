//! The stream between an engine and its hands.

use installer_model::survey::HostFacts;
use installer_wire::exchange::{Assembler, Incoming, encode};
use installer_wire::{Answer, Decoder, Request};

/// The first byte says how the rest is cut into pieces. However it is cut, the same messages come out; a request or an
/// answer that can be read can be sent on and is read as the same.
pub fn hand_frames(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else { return };
    let whole = messages(stream, stream.len().max(1));
    let pieces = messages(stream, usize::from(*cut) + 1);
    assert_eq!(whole, pieces, "the cut shows");
    for message in whole {
        if let Ok(request) = serde_json::from_slice::<Request>(&message.json) {
            let _ = request.changes_host();
            assert_eq!(sent_on(&request, &message), request);
        }
        if let Ok(answer) = serde_json::from_slice::<Answer>(&message.json) {
            assert_eq!(sent_on(&answer, &message), answer);
            if let Answer::Facts { facts } = answer
                && let Ok(facts) = serde_json::from_value::<HostFacts>(facts)
            {
                let _ = (facts.arch(), facts.kernel_version(), facts.has_default_route_v4());
            }
        }
    }
}

/// Every message up to the first fault of the stream.
fn messages(stream: &[u8], cut: usize) -> Vec<Incoming> {
    let (mut decoder, mut assembler) = (Decoder::default(), Assembler::default());
    let mut found = Vec::new();
    for piece in stream.chunks(cut) {
        decoder.feed(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => match assembler.take(frame) {
                    Ok(message) => found.extend(message),
                    Err(_) => return found,
                },
                Ok(None) => break,
                Err(_) => return found,
            }
        }
    }
    found
}

fn sent_on<T>(value: &T, message: &Incoming) -> T
where
    T: serde::Serialize + for<'a> serde::Deserialize<'a>,
{
    let bytes = encode(message.request, value, &message.body).expect("what came in fits going out");
    let again = messages(&bytes, bytes.len()).pop().expect("one message was sent");
    assert_eq!((again.request, &again.body), (message.request, &message.body));
    serde_json::from_slice(&again.json).expect("what was sent can be read")
}
