//! The XML of GOCDB's methods `get_site` and `get_site_list`. It never follows a document type or an entity of its own: a file
//! that declares or uses one is refused, as is one beyond the bounds of size and depth.
//!
//! `get_site` says all in elements below `<SITE>`; `get_site_list` says name and ROC in its attributes, and nothing else.

use std::collections::BTreeMap;

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{Certification, Details, Listed};
use crate::mail::Address;

/// Largest file in bytes; all of EGI takes a few MiB.
const LARGEST: usize = 64 << 20;
/// Deepest nesting.
const DEEPEST: usize = 16;
/// Characters of one value that are kept.
const VALUE_CHARS: usize = 300;
/// Sites in one file.
const MOST_SITES: usize = 50_000;

/// Reads one file; the error says what is wrong with it and what to do.
pub fn read(bytes: &[u8]) -> Result<Vec<Listed>, String> {
    if bytes.len() > LARGEST {
        return Err("it is larger than 64 MiB; fetch the sites alone".to_owned());
    }
    let text =
        std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8; fetch it again as GOCDB sends it".to_owned())?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    // GOCDB leaves some web addresses unescaped.
    reader.config_mut().allow_dangling_amp = true;
    let mut walk = Walk::default();
    loop {
        let event = reader.read_event().map_err(|_| "it is not well-formed XML; fetch it again".to_owned())?;
        if !walk.step(event)? {
            return Ok(walk.sites);
        }
    }
}

/// Where the reader stands.
#[derive(Default)]
struct Walk {
    sites: Vec<Listed>,
    depth: usize,
    /// Attributes and elements of the site that is open.
    fields: Option<BTreeMap<String, String>>,
    /// Text of the element below it.
    text: String,
    has_root: bool,
}

impl Walk {
    /// Whether there may be more.
    fn step(&mut self, event: Event<'_>) -> Result<bool, String> {
        match event {
            Event::Start(start) => self.open(&start)?,
            Event::Empty(start) => {
                self.open(&start)?;
                self.close(&name(start.local_name().as_ref()))?;
            }
            Event::End(end) => self.close(&name(end.local_name().as_ref()))?,
            Event::Text(text) => self.text.push_str(&text.xml10_content()),
            Event::CData(text) => self.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => self.refer(&reference)?,
            Event::DocType(_) => return Err("it declares a document type; GOCDB never does".to_owned()),
            Event::Eof if self.depth > 0 => return Err("it ends in the middle; fetch it again".to_owned()),
            Event::Eof if !self.has_root => return Err("there is no XML in it; fetch it again".to_owned()),
            Event::Eof => return Ok(false),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        Ok(true)
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        let name = name(start.local_name().as_ref());
        self.depth += 1;
        self.text.clear();
        match self.depth {
            1 if !name.eq_ignore_ascii_case("results") => {
                return Err(format!(
                    "its root is <{name}>; the methods get_site and get_site_list answer with <results>"
                ));
            }
            1 => self.has_root = true,
            2 if name.eq_ignore_ascii_case("site") => self.fields = Some(attributes(start)?),
            depth if depth > DEEPEST => return Err("it is nested too deeply; fetch it again".to_owned()),
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, name: &str) -> Result<(), String> {
        let text: String = self.text.trim().chars().take(VALUE_CHARS).collect();
        self.text.clear();
        match (self.depth, &mut self.fields) {
            (3, Some(fields)) => drop(fields.insert(name.to_uppercase(), text)),
            (2, fields) => {
                if let Some(fields) = fields.take() {
                    self.sites.push(listed(&fields, self.sites.len() + 1)?);
                }
                if self.sites.len() > MOST_SITES {
                    return Err(format!("it has over {MOST_SITES} sites; fetch those of your grid alone"));
                }
            }
            _ => {}
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    fn refer(&mut self, reference: &BytesRef<'_>) -> Result<(), String> {
        match (reference.resolve_char_ref(), resolve_xml_entity(reference)) {
            (Ok(Some(c)), _) => self.text.push(c),
            (Ok(None), Some(text)) => self.text.push_str(text),
            _ => return Err("it uses an entity that XML does not define; GOCDB never does".to_owned()),
        }
        Ok(())
    }
}

fn name(bytes: &str) -> String {
    bytes.chars().take(80).collect()
}

fn attributes(start: &BytesStart<'_>) -> Result<BTreeMap<String, String>, String> {
    let read = start.attributes().map(|attribute| {
        let attribute =
            attribute.map_err(|_| "an attribute of a site is not well-formed; fetch it again".to_owned())?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|_| "an attribute of a site uses what XML does not define; GOCDB never does".to_owned())?;
        Ok((name(attribute.key.local_name().as_ref()).to_uppercase(), value.trim().chars().take(VALUE_CHARS).collect()))
    });
    read.collect()
}

fn listed(fields: &BTreeMap<String, String>, number: usize) -> Result<Listed, String> {
    let given = |key: &str| fields.get(key).filter(|value| !value.is_empty() && !value.contains(char::is_control));
    let name = given("SHORT_NAME").or_else(|| given("NAME")).cloned();
    let name = name.ok_or_else(|| format!("its site number {number} has no name; fetch it again"))?;
    let roc = given("ROC").cloned().ok_or_else(|| format!("its site {name} has no ROC; fetch it again"))?;
    let has_details = fields.contains_key("CERTIFICATION_STATUS");
    let details = has_details.then(|| Details {
        certification: given("CERTIFICATION_STATUS").and_then(|word| Certification::from_word(word)),
        contact: given("CONTACT_EMAIL").and_then(|list| first_address(list)),
        alarm: given("ALARM_EMAIL").and_then(|list| first_address(list)),
    });
    Ok(Listed { key: given("PRIMARY_KEY").cloned().unwrap_or_default(), name, roc, details })
}

/// Of several addresses the first.
fn first_address(list: &str) -> Option<Address> {
    list.split([';', ',', ' ']).find_map(Address::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<results>
  <SITE ID="40" PRIMARY_KEY="73G0" NAME="INFN-T1">
    <PRIMARY_KEY>73G0</PRIMARY_KEY>
    <SHORT_NAME>INFN-T1</SHORT_NAME>
    <OFFICIAL_NAME>CNAF &amp; friends</OFFICIAL_NAME>
    <GOCDB_PORTAL_URL>https://gocdb.example/portal/index.php?Page_Type=Site&id=40</GOCDB_PORTAL_URL>
    <CONTACT_EMAIL>grid@infn-t1.example; second@infn-t1.example</CONTACT_EMAIL>
    <ALARM_EMAIL/>
    <ROC>NGI_IT</ROC>
    <CERTIFICATION_STATUS>Certified</CERTIFICATION_STATUS>
    <DOMAIN><DOMAIN_NAME>infn-t1.example</DOMAIN_NAME></DOMAIN>
    <EXTENSIONS><EXTENSION><KEY>ROC</KEY><VALUE>x</VALUE></EXTENSION></EXTENSIONS>
  </SITE>
</results>"#;

    #[test]
    fn a_site_is_read_with_its_details() {
        let sites = read(SITE.as_bytes()).unwrap();
        let details = Details {
            certification: Some(Certification::Certified),
            contact: Address::parse("grid@infn-t1.example"),
            alarm: None,
        };
        let expected =
            Listed { key: "73G0".into(), name: "INFN-T1".into(), roc: "NGI_IT".into(), details: Some(details) };
        assert_eq!(sites, [expected]);
    }

    #[test]
    fn a_list_says_no_more_than_name_and_roc() {
        let list = r#"<results><SITE ID="11" PRIMARY_KEY="52G0" NAME="A &amp; B" COUNTRY="Italy" COUNTRY_CODE="IT" ROC="NGI_IT" SUBGRID="" GIIS_URL=""/></results>"#;
        let sites = read(list.as_bytes()).unwrap();
        assert_eq!((sites[0].name.as_str(), sites[0].details.is_none()), ("A & B", true));
        assert_eq!(read(b"<results/>").unwrap(), []);
    }

    #[test]
    fn what_gocdb_does_not_send_is_refused() {
        let with = |site: &str| format!("<results>{site}</results>");
        let bomb = r#"<!DOCTYPE results [<!ENTITY a "xx"><!ENTITY b "&a;&a;">]><results><SITE NAME="&b;"/></results>"#;
        for (xml, why) in [
            ("", "there is no XML"),
            ("{}", "there is no XML"),
            ("<html><body/></html>", "its root is <html>"),
            ("<results><SITE", "it is not well-formed"),
            ("<results><SITE NAME='a' ROC='b'>", "it ends in the middle"),
            (bomb, "it declares a document type"),
            (&with("<SITE NAME='x' ROC='&xxe;'/>"), "an attribute of a site uses what XML does not define"),
            (&with("<SITE NAME='x'><ROC>&xxe;</ROC></SITE>"), "it uses an entity"),
            (&with("<SITE ID='1' ROC='x'/>"), "its site number 1 has no name"),
            (&with("<SITE NAME='x'/>"), "its site x has no ROC"),
            (&with(&"<a>".repeat(40)), "it is nested too deeply"),
        ] {
            let error = read(xml.as_bytes()).unwrap_err();
            assert!(error.starts_with(why), "{xml}: {error}");
        }
        assert!(read(b"<results>\xff</results>").unwrap_err().starts_with("it is not UTF-8"));
    }
}
