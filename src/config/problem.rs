//! Problems of a configuration: what, where, and what to do. Collected, never thrown: an admin sees all of them at once.

use std::fmt;
use std::path::{Path, PathBuf};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    pub file: PathBuf,
    /// From 1; `None` where the whole file is meant.
    pub line: Option<usize>,
    /// Path of the key, `unit.ROC_Italy.address`; empty where none is meant.
    pub key: String,
    pub message: String,
    /// What to do; empty where the message says it.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {word}: ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "\n    hint: {}", self.hint) }
    }
}

/// All problems, in the order of their files and lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{problem}")?;
        }
        let errors = self.0.iter().filter(|problem| problem.severity == Severity::Error).count();
        let warnings = self.0.len() - errors;
        write!(f, "{errors} {}, {warnings} {}", plural("error", errors), plural("warning", warnings))
    }
}

impl std::error::Error for Problems {}

fn plural(word: &str, count: usize) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

/// The problems found so far.
#[derive(Debug, Default)]
pub struct Report {
    problems: Vec<Problem>,
}

impl Report {
    /// Adds one.
    pub fn add(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// A file's text; a problem where it can't be read.
    pub fn read_file(&mut self, path: &Path) -> Option<String> {
        match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) => {
                let hint = match error.kind() {
                    std::io::ErrorKind::NotFound => {
                        "`ggus-gateway init` makes sample files; --config names another one"
                    }
                    std::io::ErrorKind::InvalidData => "save it as UTF-8",
                    _ => "let the gateway's user read it",
                };
                self.add(Problem {
                    severity: Severity::Error,
                    file: path.to_owned(),
                    line: None,
                    key: String::new(),
                    message: format!("can't be read: {error}"),
                    hint: hint.to_owned(),
                });
                None
            }
        }
    }

    /// Whether anything forbids to go on.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// All of them, sorted.
    pub fn into_problems(mut self) -> Problems {
        self.problems.sort_by_key(|one| (one.file.clone(), one.line.unwrap_or(usize::MAX), one.key.clone()));
        Problems(self.problems)
    }
}

/// `did you mean "rt"?`, where one of the known words is near.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = word.to_lowercase();
    let near = |candidate: &&str| strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
    let best = known.into_iter().min_by_key(near)?;
    (near(&best) <= 1 + word.chars().count() / 4).then(|| format!("did you mean {best:?}?"))
}
