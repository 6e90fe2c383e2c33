//! Server-sent events, as the HTML standard defines their text (section 9.2.6, "Interpreting an event stream").

/// Of one event, at most: what is longer is no event of this server.
const EVENT_LIMIT: usize = 16 << 20;

#[derive(Debug, thiserror::Error)]
pub enum EventError {
    #[error("an event is longer than {EVENT_LIMIT} bytes")]
    TooLong,
    #[error("an event is no text in UTF-8")]
    NotText,
}

/// One event of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// The last id that was sent up to here; empty before the first. A stream is taken up again after it.
    pub last_id: String,
    /// Whether this event brought the id itself: one without may be lost.
    pub numbered: bool,
    /// The kind; `message` where none is named.
    pub event: String,
    pub data: String,
}

/// Turns bytes, however they are cut, into messages.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed that follows belongs to it.
    after_return: bool,
    begun: bool,
    last_id: String,
    numbered: bool,
    event: String,
    data: String,
    has_data: bool,
}

impl Parser {
    /// For a stream that is taken up behind this id.
    pub fn after(last_id: &str) -> Parser {
        Parser { last_id: last_id.to_owned(), ..Parser::default() }
    }

    /// The next bytes of the stream; the messages that they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Message>, EventError> {
        let mut messages = Vec::new();
        for &byte in bytes {
            let follows_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if follows_return => {}
                b'\n' | b'\r' => messages.extend(self.end_line()?),
                _ if self.line.len() + self.data.len() >= EVENT_LIMIT => return Err(EventError::TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(messages)
    }

    fn end_line(&mut self) -> Result<Option<Message>, EventError> {
        let line = std::mem::take(&mut self.line);
        let mut line = std::str::from_utf8(&line).map_err(|_| EventError::NotText)?;
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.end_message());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            "id" if !value.contains('\0') => {
                value.clone_into(&mut self.last_id);
                self.numbered = true;
            }
            // A comment (no name before the colon), `retry`, and what the standard does not know yet.
            _ => {}
        }
        Ok(None)
    }

    fn end_message(&mut self) -> Option<Message> {
        let event = std::mem::take(&mut self.event);
        let data = std::mem::take(&mut self.data);
        let numbered = std::mem::take(&mut self.numbered);
        std::mem::take(&mut self.has_data).then(|| Message {
            last_id: self.last_id.clone(),
            numbered,
            event: if event.is_empty() { "message".to_owned() } else { event },
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, String)> {
        let messages = Parser::default().feed(text.as_bytes()).unwrap();
        messages.into_iter().map(|message| (message.last_id, message.event, message.data)).collect()
    }

    fn message(id: &str, event: &str, data: &str) -> (String, String, String) {
        (id.to_owned(), event.to_owned(), data.to_owned())
    }

    #[test]
    fn fields_lines_and_comments_are_those_of_the_standard() {
        let text = ": hello\n\nid: 7\nevent: run\ndata: a\ndata:b\n\ndata\n\nevent: lost\n\nretry: 10\ndata:  c\r\n\r\n";
        assert_eq!(
            read(text),
            [message("7", "run", "a\nb"), message("7", "message", ""), message("7", "message", " c")]
        );
    }

    #[test]
    fn an_event_without_an_id_of_its_own_says_so() {
        let messages = Parser::default().feed(b"id: 1\ndata: a\n\ndata: b\n\n").unwrap();
        let numbered: Vec<bool> = messages.iter().map(|message| message.numbered).collect();
        assert_eq!(numbered, [true, false]);
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_are_cut() {
        let text = "\u{feff}id: 1\r\nevent: größe\r\ndata: x\r\rdata: y\n\n".as_bytes();
        let whole = Parser::default().feed(text).unwrap();
        assert_eq!(whole.len(), 2);
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let cut: Vec<Message> = text.chunks(size).flat_map(|part| parser.feed(part).unwrap()).collect();
            assert_eq!(cut, whole, "in parts of {size}");
        }
    }

    #[test]
    fn what_was_not_ended_was_not_sent() {
        assert_eq!(read("id: 1\ndata: a\n\nid: 2\ndata: b\n"), [message("1", "message", "a")]);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = Parser::default();
        let line = [b"data: ".as_slice(), &[b'x'; 1 << 20], b"\n"].concat();
        assert!((0..20).any(|_| matches!(parser.feed(&line), Err(EventError::TooLong))));
        assert!(matches!(Parser::default().feed(b"data: \xff\n"), Err(EventError::NotText)));
    }
}
