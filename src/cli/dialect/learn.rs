//! `dialect learn`: a dialect file proposed from sample mails, and tried on them. It never writes over a file.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::super::{Failure, print};
use super::test::{Tried, expectation, report, rivals};
use crate::config::dialects::DialectFile;
use crate::desk::dialect::learn::{self, Proposal, Refusal, SPECIMENS, Specimen, Told};
use crate::desk::dialect::sample::{self, Expectation};
use crate::desk::dialect::{Dialect, Parameters};
use crate::desk::tag::Tags;
use crate::mail::parse::{ReadLimits, parse};
use crate::source::files::{self, Found};

#[derive(Debug, clap::Args)]
#[command(after_help = "Give mails of each kind (opened, answered, solved, …) and of several tickets, with all their \
    headers. What is known of a mail x.eml can be said in a file x.toml beside it, as for `dialect test`, or by its name: \
    solved-2.eml.\n\n\
    In the file each line that begins with \"# UNSURE:\" asks for a look. Exit code 1: nothing can be proposed, or the \
    samples contradict what is.")]
pub struct Args {
    /// Where the file goes; without it standard output. Nothing is written over
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Name in the desk's subject tags, as in [GGUS:57890]
    #[arg(long, value_name = "NAME", default_value = "GGUS", value_parser = Tags::new)]
    tag: Tags,
    /// A mail, an mbox, a Maildir, a folder of mails, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// A mail, and what must be read in it.
struct Sample {
    specimen: Specimen,
    expected: Option<Expectation>,
}

pub fn run(all: &BTreeMap<String, DialectFile>, args: &Args) -> Result<ExitCode, Failure> {
    if let Some(to) = args.to.as_ref().filter(|to| to.exists()) {
        return Err(Failure::Refused(format!("{} is there already; name a file that is not", to.display())));
    }
    let mut known: BTreeMap<String, Arc<Dialect>> =
        all.iter().map(|(name, file)| (name.clone(), Arc::clone(&file.dialect))).collect();
    let samples = samples(&args.paths)?;
    let specimens: Vec<Specimen> = samples.iter().map(|sample| sample.specimen.clone()).collect();
    let name = name(args.to.as_deref());
    let proposal =
        learn::learn(&name, &specimens, &known, &args.tag).map_err(|refusal| Failure::Refused(told(&refusal)))?;
    let dialect = Arc::new(proposal.dialect.clone());
    known.insert(name, Arc::clone(&dialect));
    let tried: Vec<Tried> = samples.iter().map(|sample| tried(&dialect, &known, sample)).collect();
    let (text, well) = report(&dialect, &tried);
    let text = format!("{text}\n{}", still_to_do(&proposal));
    match &args.to {
        Some(to) => {
            write(to, &proposal.toml)?;
            print(&text)?;
            print(&format!("written to {}", to.display()))?;
        }
        None => {
            print(proposal.toml.trim_end())?;
            eprintln!("{text}");
        }
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The name that the dialect's file would give it.
fn name(to: Option<&Path>) -> String {
    let stem = to.and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
    stem.filter(|stem| !stem.is_empty()).unwrap_or_else(|| "learnt".to_owned())
}

fn samples(paths: &[PathBuf]) -> Result<Vec<Sample>, Failure> {
    let is_told = |found: &Found| Path::new(&found.path).extension().is_some_and(|ending| ending == "toml");
    let mut samples = Vec::new();
    for found in paths.iter().flat_map(|path| files::mails(path)) {
        let found = found.map_err(|error| Failure::Data(format!("{error}; name a file that can be read")))?;
        if !is_told(&found) {
            samples.push(sample(&found)?);
        }
        if samples.len() > SPECIMENS {
            return Err(Failure::Data(format!("these are over {SPECIMENS} mails; some of each kind are enough")));
        }
    }
    Ok(samples)
}

fn sample(found: &Found) -> Result<Sample, Failure> {
    let path = Path::new(&found.path);
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let toml = path.with_extension("toml");
    let expected = match expectation(&toml)?.filter(|_| found.index == 0) {
        Some(Ok(expected)) => Some(Expectation { rule: None, ..expected }),
        Some(Err(why)) => return Err(Failure::Data(format!("{}: {why}", toml.display()))),
        None => None,
    };
    let by_name = || Told::by_name(&path.file_stem().unwrap_or_default().to_string_lossy());
    let told = expected.as_ref().map(Told::by).or_else(by_name);
    let name = if found.index == 0 { file } else { format!("{file}[{}]", found.index) };
    let mail = parse(&found.raw, &ReadLimits::default());
    Ok(Sample { specimen: Specimen { name, mail, told }, expected })
}

fn tried(dialect: &Dialect, all: &BTreeMap<String, Arc<Dialect>>, sample: &Sample) -> Tried {
    let Sample { specimen: Specimen { name, mail, told }, expected } = sample;
    let reading = sample::read(dialect, mail, &Parameters::new());
    let faults = match (expected, told) {
        (Some(expected), _) => expected.differences(&reading).iter().map(ToString::to_string).collect(),
        (None, Some(told)) if told.kind != reading.kind => {
            vec![format!("by its name it is {}", told.kind.map_or("nothing", |kind| kind.word()))]
        }
        _ => Vec::new(),
    };
    Tried { name: name.clone(), reading, faults, rivals: rivals(dialect, all, mail) }
}

fn still_to_do(proposal: &Proposal) -> String {
    match proposal.doubts.len() {
        0 => "nothing in the file is unsure".to_owned(),
        1 => "1 line in the file is marked UNSURE: look at it".to_owned(),
        many => format!("{many} lines in the file are marked UNSURE: look at each"),
    }
}

fn write(to: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error| Failure::Refused(format!("{} can't be written ({error}); name another file", to.display()));
    let mut file = std::fs::File::create_new(to).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

fn told(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Empty => "there was no mail in it; name a mail, an mbox or a Maildir".to_owned(),
        Refusal::Known { dialect, mails, all } => format!(
            "{} of `{dialect}`, which the desk knows: write dialect = \"{dialect}\" in the unit; `dialect show {dialect}` \
             says what it does",
            if mails == all { "these are mails".to_owned() } else { format!("{mails} of these {all} mails are") }
        ),
        Refusal::Mixed(groups) => {
            let lines = groups.iter().map(|(what, mails)| {
                let more = if mails.len() > 5 { format!(" and {} more", mails.len() - 5) } else { String::new() };
                format!("\n  {what}: {}{more}", mails.iter().take(5).cloned().collect::<Vec<_>>().join(", "))
            });
            format!("these mails are of several systems; learn from those of one{}", lines.collect::<String>())
        }
        Refusal::Unsound(problems) => {
            let lines = problems.iter().map(|problem| format!("\n  {}: {}", problem.key, problem.message));
            format!("what was found makes no dialect; write it by hand{}", lines.collect::<String>())
        }
    }
}
