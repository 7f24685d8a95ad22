//! The `<Ticket>` form (protocol section 5; XML 1.0, namespace prefixes passed over). It never follows a document type
//! or an entity of its own: a form that declares or uses one is refused, as is one beyond the bounds of size and depth.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};

use super::{Pair, join_wrapped, names};
use crate::mail::lines::{self, Line};
use crate::mail::message::Attachment;
use crate::mail::pattern::Pattern;

/// Largest form in bytes; a ticket's text is a fraction of it.
const LARGEST: usize = 1 << 20;
/// Deepest nesting, `<Ticket>` included.
const DEEPEST: usize = 16;
/// Elements in one form.
const MOST_ELEMENTS: usize = 5_000;
/// Bytes of an attachment in which its root element must begin.
const PROLOG: usize = 16 << 10;
/// Lines of prolog (XML declaration, document type) before the element in a body.
const PROLOG_LINES: usize = 50;

static OPENING: Pattern = Pattern::new(r"(?i)<(?:[a-z_][\w.-]{0,40}:)?ticket(?:[\s/>]|$)");
static CLOSING: Pattern = Pattern::new(r"(?i)</(?:[a-z_][\w.-]{0,40}:)?ticket\s*>\s*$");
static EMPTY: Pattern = Pattern::new(r"(?i)^<[^<>]*/>$");
static DECLARED: Pattern = Pattern::new(r#"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']"#);

/// What came of a text that may hold a form.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Its root element is not `<Ticket>`.
    NoTicket,
    /// The direct children of `<Ticket>`; deeper elements under a name with their path, `History/Entry`.
    Read(Vec<Pair>),
    /// A form, but not to be read.
    Refused(Refusal),
}

/// Why a form was not read.
#[derive(Debug)]
pub(super) struct Refusal {
    pub why: String,
    /// Something that no honest helpdesk sends (document type, entity, absurd size), not just a slip.
    pub hostile: bool,
}

/// Finds the element in a text: on lines of its own, not quoted, fenced or indented. Gives the form and the text around
/// it; the text is unchanged where the form was not read.
pub(super) fn take_body(text: &str) -> Option<(Outcome, String)> {
    let lines = lines::lines(text);
    let (start, end) = span(&lines)?;
    let xml: Vec<&str> = lines[start..end].iter().map(|line| line.text).collect();
    let outcome = read(&xml.join("\n"));
    let rest = match outcome {
        Outcome::Read(_) => lines::join(lines[..start].iter().chain(&lines[end..]).map(|line| line.text)),
        _ => text.to_owned(),
    };
    Some((outcome, rest))
}

/// Lines of the first `<Ticket>` element with its prolog, to the end of the text where it is never closed.
pub(in crate::mail) fn span(lines: &[Line]) -> Option<(usize, usize)> {
    let opening = lines.iter().position(opens)?;
    let closes = |line: &Line| CLOSING.is_match(line.text) || opens(line) && EMPTY.is_match(line.bare());
    let end = lines[opening..].iter().position(closes).map_or(lines.len(), |at| opening + at + 1);
    Some((prolog_start(lines, opening), end))
}

/// Reads an attachment that is XML by its media type or its name.
pub(super) fn read_attachment(attachment: &Attachment) -> Outcome {
    let named = attachment.name.len() > 4 && attachment.name.to_ascii_lowercase().ends_with(".xml");
    let typed = matches!(attachment.media_type.as_str(), "application/xml" | "text/xml");
    if !named && !typed {
        return Outcome::NoTicket;
    }
    read(&decode(&attachment.bytes[..attachment.bytes.len().min(LARGEST + 1)]))
}

/// Valid UTF-8 beats a declared single-byte charset; else the declared one, else windows-1252.
fn decode(bytes: &[u8]) -> String {
    let guessed = match bytes {
        [0xFE, 0xFF, ..] | [0, b'<', ..] => Some(UTF_16BE),
        [0xFF, 0xFE, ..] | [b'<', 0, ..] => Some(UTF_16LE),
        _ => None,
    };
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
    let declared =
        DECLARED.first(head.trim_start_matches('\u{feff}')).and_then(|name| Encoding::for_label(name.as_bytes()));
    let many_bytes = declared.filter(|charset| !charset.is_single_byte() && charset.is_ascii_compatible());
    if let Some(charset) = guessed.or(many_bytes) {
        return charset.decode(bytes).0.into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        Err(_) => declared.unwrap_or(WINDOWS_1252).decode(bytes).0.into_owned(),
    }
}

fn opens(line: &Line) -> bool {
    !line.is_copied()
        && OPENING.regex().and_then(|opening| opening.find(line.bare())).is_some_and(|found| {
            let before = line.bare()[..found.start()].trim_end();
            before.is_empty() || (before.starts_with("<?") || before.starts_with("<!")) && before.ends_with('>')
        })
}

/// First line of the XML declaration and document type that stand right before the element.
fn prolog_start(lines: &[Line], opening: usize) -> usize {
    let mut start = opening;
    for at in (opening.saturating_sub(PROLOG_LINES)..opening).rev() {
        let bare = lines[at].bare();
        match bare {
            _ if bare.starts_with("<?xml") || bare.starts_with("<!DOCTYPE") => start = at,
            _ if bare.is_empty() || bare.starts_with("<!") || bare.starts_with(']') => {}
            _ => break,
        }
    }
    start
}

fn refused(why: &str, hostile: bool) -> Outcome {
    Outcome::Refused(Refusal { why: why.to_owned(), hostile })
}

fn read(xml: &str) -> Outcome {
    let head: String = xml.chars().take(PROLOG).collect();
    if !OPENING.is_match(&head) {
        return Outcome::NoTicket;
    }
    let mut reader = Reader::from_str(xml);
    reader.config_mut().allow_dangling_amp = true;
    let mut walk = Walk { too_large: xml.len() > LARGEST, ..Walk::default() };
    loop {
        let step = match reader.read_event() {
            Ok(event) => walk.step(event),
            Err(_) => {
                Err(refused("form is not well-formed XML, send it again with every element closed", walk.doctype))
            }
        };
        match step {
            Ok(Step::On) => {}
            Ok(Step::Done) => return Outcome::Read(walk.pairs),
            Err(outcome) => return outcome,
        }
    }
}

enum Step {
    On,
    Done,
}

/// Where the reader stands.
#[derive(Default)]
struct Walk {
    pairs: Vec<Pair>,
    /// Local names of the open elements, `Ticket` first.
    path: Vec<String>,
    /// Text of the innermost element since it was opened.
    text: String,
    /// The innermost element has had no child so far.
    leaf: bool,
    elements: usize,
    doctype: bool,
    too_large: bool,
}

impl Walk {
    fn step(&mut self, event: Event) -> Result<Step, Outcome> {
        match event {
            Event::Start(start) => self.open(local(start.local_name().as_ref().as_bytes()))?,
            Event::Empty(start) => {
                self.open(local(start.local_name().as_ref().as_bytes()))?;
                return Ok(self.close());
            }
            Event::End(_) => return Ok(self.close()),
            Event::Text(text) => self.text.push_str(&text.xml10_content()),
            Event::CData(text) => self.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => self.refer(&reference)?,
            Event::DocType(_) => self.doctype = true,
            Event::Eof if self.path.is_empty() => return Err(Outcome::NoTicket),
            Event::Eof => return Err(refused("form ends in the middle, send it again whole", self.doctype)),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        Ok(Step::On)
    }

    fn open(&mut self, name: String) -> Result<(), Outcome> {
        if self.path.is_empty() && !name.eq_ignore_ascii_case("ticket") {
            return Err(Outcome::NoTicket);
        }
        if self.doctype {
            return Err(refused("form declares a document type, send it without", true));
        }
        if self.too_large {
            return Err(refused("form is larger than 1 MiB, send long texts as mail or attachment", true));
        }
        self.elements += 1;
        if self.path.len() >= DEEPEST || self.elements > MOST_ELEMENTS {
            return Err(refused("form has too many elements or levels, send the fields as children of Ticket", true));
        }
        self.path.push(name);
        self.text.clear();
        self.leaf = true;
        Ok(())
    }

    fn close(&mut self) -> Step {
        if self.leaf && self.path.len() > 1 {
            let name = self.path[1..].join("/");
            let parts: Vec<&str> = self.text.trim().lines().map(str::trim).collect();
            let value = join_wrapped(&parts, if self.path.len() == 2 { names::field_named(&name) } else { None });
            self.pairs.push(Pair { name, value });
        }
        self.path.pop();
        self.text.clear();
        self.leaf = false;
        if self.path.is_empty() { Step::Done } else { Step::On }
    }

    fn refer(&mut self, reference: &BytesRef) -> Result<(), Outcome> {
        let allowed = |c: &char| !c.is_control() || c.is_whitespace();
        match reference.resolve_char_ref() {
            Ok(Some(c)) if allowed(&c) => self.text.push(c),
            Ok(None) => match resolve_xml_entity(reference) {
                Some(text) => self.text.push_str(text),
                None => return Err(refused("form uses an entity that XML does not define, write the character", true)),
            },
            _ => return Err(refused("form names a character that XML does not allow, leave it out", false)),
        }
        Ok(())
    }
}

fn local(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(outcome: Outcome) -> Vec<(String, String)> {
        match outcome {
            Outcome::Read(pairs) => pairs.into_iter().map(|pair| (pair.name, pair.value)).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn value(xml: &str) -> String {
        fields(read(&format!("<Ticket><GHD_Affected_Site>{xml}</GHD_Affected_Site></Ticket>"))).remove(0).1
    }

    fn is_hostile(xml: &str) -> bool {
        match read(xml) {
            Outcome::Refused(refusal) => refusal.hostile,
            other => panic!("{other:?}"),
        }
    }

    fn attached(name: &str, media_type: &str, bytes: &[u8]) -> Outcome {
        read_attachment(&Attachment { name: name.into(), media_type: media_type.into(), bytes: bytes.to_vec() })
    }

    #[test]
    fn the_patterns_compile() {
        assert!([&OPENING, &CLOSING, &EMPTY, &DECLARED].into_iter().all(|pattern| pattern.regex().is_some()));
    }

    #[test]
    fn children_of_ticket_are_fields_in_either_spelling() {
        let xml =
            "<Ticket>\n <GHD_Request-ID>57890</GHD_Request-ID>\n <GHD_Affected_VO>atlas</GHD_Affected_VO></Ticket>";
        let read = fields(read(xml));
        assert_eq!(read[0], ("GHD_Request-ID".into(), "57890".into()));
        assert_eq!(read[1], ("GHD_Affected_VO".into(), "atlas".into()));
    }

    #[test]
    fn wrapped_values_are_joined() {
        assert_eq!(value("UKI-LT2-\n   IC-HEP"), "UKI-LT2-IC-HEP");
        assert_eq!(value("ROC_UK/\nIreland"), "ROC_UK/Ireland");
        assert_eq!(value("\n  BUDAPEST\n  KFKI \n"), "BUDAPEST KFKI");
    }

    #[test]
    fn long_texts_keep_their_lines() {
        let read = fields(read("<Ticket><GHD_Description>one\ntwo\n\nthree</GHD_Description></Ticket>"));
        assert_eq!(read[0].1, "one\ntwo\n\nthree");
    }

    #[test]
    fn the_five_entities_characters_and_cdata_are_text() {
        assert_eq!(value("a &lt;b&gt; &amp; &quot;c&apos; &#233;&#x416;"), "a <b> & \"c' éЖ");
        assert_eq!(value("<![CDATA[a <b> & c]]>"), "a <b> & c");
        assert_eq!(value("AT & T<!-- no -->"), "AT & T");
    }

    #[test]
    fn document_types_and_entities_are_refused() {
        assert!(is_hostile("<!DOCTYPE Ticket SYSTEM \"x.dtd\"><Ticket/>"));
        assert!(is_hostile("<!DOCTYPE Ticket [<!ENTITY a \"b\">]>\n<Ticket><GHD_Name>&a;</GHD_Name></Ticket>"));
        assert!(is_hostile("<Ticket><GHD_Name>&xxe;</GHD_Name></Ticket>"));
        assert!(is_hostile("<Ticket><GHD_Name>&nbsp;</GHD_Name></Ticket>"));
    }

    #[test]
    fn what_is_not_well_formed_is_refused_without_suspicion() {
        for xml in ["<Ticket><a>", "<Ticket><a></b></Ticket>", "<Ticket><a>&#0;</a></Ticket>", "<Ticket><a"] {
            assert!(!is_hostile(xml), "{xml}");
        }
    }

    #[test]
    fn size_depth_and_number_are_bounded() {
        assert!(is_hostile(&format!("<Ticket>{}", "<a>".repeat(100))));
        assert!(is_hostile(&format!("<Ticket>{}</Ticket>", "<a/>".repeat(6_000))));
        assert!(is_hostile(&format!("<Ticket><a>{}</a></Ticket>", "x".repeat(LARGEST))));
    }

    #[test]
    fn deeper_elements_are_kept_under_their_path() {
        let read = fields(read("<Ticket><History><GHD_Status>old</GHD_Status></History><VO>ops</VO></Ticket>"));
        assert_eq!(read[0], ("History/GHD_Status".into(), "old".into()));
        assert_eq!(read[1], ("VO".into(), "ops".into()));
    }

    #[test]
    fn prefixes_are_passed_over_and_attributes_too() {
        let read = fields(read("<g:Ticket xmlns:g=\"urn:x\"><g:VO a=\"1\">ops</g:VO></g:Ticket>"));
        assert_eq!(read, [("VO".to_owned(), "ops".to_owned())]);
    }

    #[test]
    fn prose_may_stand_around_the_element() {
        let text = "Please open:\n<?xml version=\"1.0\"?>\n<Ticket>\n<VO>ops</VO>\n</Ticket>\nThanks";
        let (outcome, rest) = take_body(text).unwrap();
        assert_eq!(fields(outcome).len(), 1);
        assert_eq!(rest, "Please open:\nThanks");
    }

    #[test]
    fn an_element_inside_a_line_a_quote_or_a_fence_is_text() {
        for text in ["see <Ticket>", "> <Ticket>", "    <Ticket></Ticket>", "```\n<Ticket></Ticket>\n```", "<Tickets/>"]
        {
            assert!(take_body(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_document_type_above_the_element_belongs_to_it() {
        let text = "x\n<!DOCTYPE Ticket [\n<!ENTITY a \"b\">\n]>\n\n<Ticket>\n</Ticket>";
        let (outcome, rest) = take_body(text).unwrap();
        assert!(matches!(outcome, Outcome::Refused(Refusal { hostile: true, .. })));
        assert_eq!(rest, text, "a refused form stays in the text");
    }

    #[test]
    fn attachments_are_read_by_type_or_name_and_root() {
        let xml = b"<Ticket><VO>ops</VO></Ticket>";
        assert_eq!(fields(attached("a.bin", "application/xml", xml)).len(), 1);
        assert_eq!(fields(attached("a.bin", "text/xml", xml)).len(), 1);
        assert_eq!(fields(attached("A.XML", "application/octet-stream", xml)).len(), 1);
        assert!(matches!(attached("a.txt", "text/plain", xml), Outcome::NoTicket));
        assert!(matches!(attached("a.xml", "text/xml", b"<!DOCTYPE job><job><Ticket/></job>"), Outcome::NoTicket));
        assert!(matches!(attached("a.xml", "text/xml", b"not xml"), Outcome::NoTicket));
    }

    #[test]
    fn valid_utf8_beats_a_declared_single_byte_charset() {
        let xml = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><Ticket><GHD_Name>Jörg</GHD_Name></Ticket>";
        let latin: Vec<u8> = xml.chars().map(|c| c as u32 as u8).collect();
        assert_eq!(fields(attached("a.xml", "text/xml", xml.as_bytes()))[0].1, "Jörg");
        assert_eq!(fields(attached("a.xml", "text/xml", &latin))[0].1, "Jörg");
        let undeclared: Vec<u8> =
            "<Ticket><GHD_Name>Jörg</GHD_Name></Ticket>".chars().map(|c| c as u32 as u8).collect();
        assert_eq!(fields(attached("a.xml", "text/xml", &undeclared))[0].1, "Jörg");
        let wide: Vec<u8> = "\u{feff}<Ticket><VO>ops</VO></Ticket>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(fields(attached("a.xml", "text/xml", &wide))[0].1, "ops");
    }
}
