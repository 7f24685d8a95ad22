//! Which helpdesk system a mail comes from, when nobody has said so.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Dialect;
use crate::mail::Mail;

/// A dialect that knows a mail for one of its own, and how certain it is, 1 to 100.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub dialect: &'a Arc<Dialect>,
    pub certainty: u8,
}

/// All that claim a mail, the most certain first, equal ones by name. `plain` claims whatever has an author, and is less
/// certain than any other: it is what is left where no system is recognised.
pub fn claims<'a>(dialects: &'a BTreeMap<String, Arc<Dialect>>, mail: &Mail) -> Vec<Claim<'a>> {
    let claims = dialects.values().map(|dialect| Claim { dialect, certainty: dialect.recognise(mail) });
    let mut claims: Vec<_> = claims.filter(|claim| claim.certainty > 0).collect();
    claims.sort_by_key(|claim| std::cmp::Reverse(claim.certainty));
    claims
}

/// The dialect that a mail is most likely written in.
pub fn recognise<'a>(dialects: &'a BTreeMap<String, Arc<Dialect>>, mail: &Mail) -> Option<Claim<'a>> {
    claims(dialects, mail).into_iter().next()
}
