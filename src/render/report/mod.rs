//! A report as one page of HTML that needs nothing else: style and charts are in it, no script, nothing from elsewhere.
//!
//! The charts are SVG of our own, a few rectangles and lines whose places are computed in [`charts`]. A library was looked
//! for: `charming` draws by running a JavaScript engine of tens of megabytes; `plotters` and `charts-rs` write fixed
//! colours into the picture, so that it can't follow the reader's light or dark screen; `poloto` can, but draws lines and
//! bars only, and none gives a picture a title and a description for those who can't see it.
//!
//! Names of sites, VOs and types come from strangers' mails: the template engine escapes every value.

mod charts;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use crate::report::Report;

/// The page. The error is a fault of the page itself and names the place.
pub fn page(report: &Report) -> Result<String, String> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::Html);
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        engine.set_syntax(syntax);
    }
    engine.add_filter("took", |seconds: Option<i64>| took(seconds));
    let mut fill = || {
        engine.add_template("page", include_str!("page.html"))?;
        let charts = charts::Charts::of(report);
        let values = context! {
            report => Serde(report),
            charts => Serde(&charts),
            style => include_str!("style.css"),
            late => report.totals.late(),
            days => report.backlog.first().is_some_and(|step| step.first == step.last),
        };
        engine.get_template("page")?.render(values)
    };
    fill().map_err(|error: minijinja::Error| format!("the page of the report can't be made: {error:#}"))
}

/// `45 min`, `5.2 h`, `3.4 d`; a dash where nothing was measured.
pub fn took(seconds: Option<i64>) -> String {
    match seconds {
        None => "–".to_owned(),
        Some(seconds @ ..3_600) => format!("{} min", seconds / 60),
        Some(seconds @ ..172_800) => format!("{:.1} h", seconds as f64 / 3_600.0),
        Some(seconds) => format!("{:.1} d", seconds as f64 / 86_400.0),
    }
}
