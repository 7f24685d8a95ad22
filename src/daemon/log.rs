//! Log lines: one event, one line, whatever words of strangers are in it. Every value of every line passes here, also
//! those of libraries: line ends, control and direction marks are taken out, what is long is cut, addresses are masked
//! where that is wished. It never shows what a panic said: that may quote a mail.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::{LogFormat, LogSettings};
use crate::mail::plain;
use crate::source::imap;

/// Most characters of one value.
const LONGEST: usize = 1_000;

/// Which lines are logged; can be changed while the gateway runs.
pub struct Filter {
    set: Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>,
    /// Replaces the level of the settings, for as long as the gateway runs.
    fixed: Option<String>,
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("fixed", &self.fixed).finish_non_exhaustive()
    }
}

impl Filter {
    /// Logs at the level of these settings from now on.
    ///
    /// # Errors
    /// The level can't be read; nothing has changed then.
    pub fn set(&self, settings: &LogSettings) -> Result<(), String> {
        (self.set)(filter(self.fixed.as_ref().unwrap_or(&settings.level))?)
    }
}

/// Sends log lines to standard error from now on. `fixed` replaces the level of the settings.
///
/// # Errors
/// The filter can't be read.
pub fn start(settings: &LogSettings, fixed: Option<String>) -> Result<Filter, String> {
    let first = filter(fixed.as_ref().unwrap_or(&settings.level))?;
    let lines = Lines { format: settings.format, mask: settings.mask_addresses };
    let subscriber = tracing_subscriber::fmt().with_env_filter(first).with_writer(std::io::stderr);
    let subscriber = subscriber.event_format(lines).with_filter_reloading();
    let handle = subscriber.reload_handle();
    subscriber.init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "the gateway met a case that it does not know; please report the place");
    }));
    let set = move |filter| handle.reload(filter).map_err(|error| format!("log.level can't be changed: {error}"));
    Ok(Filter { set: Box::new(set), fixed })
}

fn filter(text: &str) -> Result<EnvFilter, String> {
    let filter = EnvFilter::try_new(text)
        .map_err(|error| format!("log.level {text:?} is no filter ({error}); write \"info\""))?;
    match imap::UNLOGGED.parse() {
        Ok(quiet) => Ok(filter.add_directive(quiet)),
        Err(error) => Err(format!("the log can't be kept clear of passwords ({error}); please report this")),
    }
}

/// How an event becomes a line.
struct Lines {
    format: LogFormat,
    mask: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let level = event.metadata().level();
        let mut values = Values { mask: self.mask, message: String::new(), others: Map::new() };
        event.record(&mut values);
        let Values { message, others, .. } = values;
        match self.format {
            LogFormat::Text => {
                write!(to, "{time} {level:>5} {message}")?;
                others.iter().try_for_each(|(name, value)| write!(to, " {name}={}", in_text(value)))?;
            }
            LogFormat::Json => {
                let head = [("timestamp", time), ("level", level.to_string()), ("message", message)];
                let mut line: Map<String, Value> =
                    head.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
                // A field can't take the place of these three.
                others.into_iter().for_each(|(name, value)| _ = line.entry(name).or_insert(value));
                write!(to, "{}", Value::Object(line))?;
            }
        }
        writeln!(to)
    }
}

/// A word stands as it is; a text with blanks or signs in quotes, so that it can't look like another field.
fn in_text(value: &Value) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "._-+@…/:;<>".contains(c);
    match value {
        Value::String(text) if !text.is_empty() && text.chars().all(is_plain) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// What an event says, made safe.
struct Values {
    mask: bool,
    message: String,
    others: Map<String, Value>,
}

impl Values {
    fn keep(&mut self, field: &Field, value: Value) {
        // `log.…`: where in its own code a library logged.
        if !field.name().starts_with("log.") {
            self.others.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for Values {
    fn record_str(&mut self, field: &Field, value: &str) {
        let value = if self.mask { mask(value) } else { value.to_owned() };
        let value = safe(&value);
        match field.name() {
            "message" => self.message = value,
            _ => self.keep(field, Value::String(value)),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, value.into());
    }
}

/// One line of bounded length, without the marks that make a terminal write from right to left.
fn safe(text: &str) -> String {
    plain::line(&text.replace(['\u{61c}', '\u{200e}', '\u{200f}'], ""), LONGEST)
}

/// Every `local@domain` of a text as `l…@domain`. What could belong to a mailbox's name goes: rather too much than a name.
fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let before = &rest[..at];
        let local = &before[start_of_local(before)..];
        masked.push_str(&before[..before.len() - local.len()]);
        masked.extend(local.chars().find(|c| *c != '"'));
        masked.push_str("…@");
        rest = &rest[at + 1..];
    }
    masked + rest
}

/// Where the mailbox's name begins that ends with `before`; one in quotes may have anything in it (RFC 5321 section 4.1.2).
fn start_of_local(before: &str) -> usize {
    let quoted = before.strip_suffix('"').and_then(|inner| inner.rfind('"'));
    let is_outside = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\"".contains(c);
    let plain = || before.char_indices().rev().find(|(_, c)| is_outside(*c)).map_or(0, |(at, c)| at + c.len_utf8());
    quoted.unwrap_or_else(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_masked_wherever_they_stand() {
        for (text, shown) in [
            ("anna@uni.example", "a…@uni.example"),
            ("550 <anna.b+57.tok@uni.example>: no such user", "550 <a…@uni.example>: no such user"),
            ("imap:support@host.example/INBOX;7;12", "imap:s…@host.example/INBOX;7;12"),
            ("a@x.example,Ünal@y.example", "a…@x.example,Ü…@y.example"),
            ("bounce+anna=uni.example@lists.example", "b…@lists.example"),
            ("to \"anna b\"@uni.example", "to a…@uni.example"),
            ("anna@b@uni.example", "a…@b…@uni.example"),
            ("@ and no address", "…@ and no address"),
            ("none", "none"),
        ] {
            assert_eq!(mask(text), shown);
        }
    }

    #[test]
    fn a_text_can_not_look_like_another_field() {
        assert_eq!(in_text(&"a ticket=5".into()), "\"a ticket=5\"");
        assert_eq!(in_text(&"a\" ticket=5".into()), r#""a\" ticket=5""#);
        assert_eq!(in_text(&"a=5".into()), "\"a=5\"");
        assert_eq!(in_text(&"anna@uni.example".into()), "anna@uni.example");
        assert_eq!(in_text(&"".into()), "\"\"");
        assert_eq!(in_text(&5.into()), "5");
    }
}
