//! `Authentication-Results`: nothing in a mail as its sender wrote it changes what the desk's own mail server says.
//! The first line of the input is the name in the peer's greeting, the rest is the mail.
#![no_main]

use ggus_gateway::mail::authres::{MethodResult, alignment, received_from, sealed_results, trusted_results};
use ggus_gateway::mail::parse::{ReadLimits, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    let trusted = ["mx.ggus.example".to_owned()];
    let (hello, mail) = raw.split_at(raw.iter().position(|byte| *byte == b'\n').unwrap_or(0));
    let hello: String = hello.iter().map(|byte| *byte as char).filter(char::is_ascii_graphic).take(200).collect();
    let own = format!(
        "Authentication-Results: mx.ggus.example; dkim=none; spf=fail smtp.mailfrom=x.example\r\n\
         Received: from x{hello} (unknown [192.0.2.7])\r\n\tby mx.ggus.example (Postfix) with ESMTP id 4711\r\n"
    );
    let whole = [own.as_bytes(), mail.trim_ascii_start()].concat();
    let read = parse(&whole, &ReadLimits::default());
    let results = trusted_results(&read.headers, &trusted);
    let said: Vec<(&str, &str)> = results.iter().map(|one| (one.method.as_str(), one.result.as_str())).collect();
    assert_eq!(said, [("dkim", "none"), ("spf", "fail")], "{:?}", read.headers);
    if let Some((at, peer)) = received_from(&read.headers, &trusted) {
        assert_eq!((at, peer.ip.to_string().as_str()), (1, "192.0.2.7"));
    }

    let text = String::from_utf8_lossy(raw);
    let results = sealed_results(&text);
    assert!(results.len() <= 100);
    alignment(&results, "ggus.example");
    let plain: Vec<MethodResult> = results.into_iter().filter(is_plain).collect();
    assert_eq!(sealed_results(&written(&plain)), plain);
});

/// Whether its words stand in the field as they are; only values may be quoted.
fn is_plain(result: &MethodResult) -> bool {
    let is_token =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    let names = result.properties.iter().map(|(name, _)| name.as_str());
    [result.method.as_str(), result.result.as_str()].into_iter().chain(names).all(is_token)
}

fn written(results: &[MethodResult]) -> String {
    let mut text = "i=1; mx.ggus.example".to_owned();
    for result in results {
        text += &format!("; {}={}", result.method, result.result);
        for (name, value) in &result.properties {
            text += &format!(" {name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        }
    }
    text
}
