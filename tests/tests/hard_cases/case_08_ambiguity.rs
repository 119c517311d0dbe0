//! 8. Ambiguity: every mix-up has one defined result, and never another secret.

use aegis_tests::client::post;
use aegis_tests::oracle::{assert_only_tokens_differ, tokens_in};
use aegis_tests::secrets::Seeded;
use aegis_tests::{Gateway, Script, Upstream, wait_until};

use crate::harness::{CHAT, Harness, chat, chat_stream, chat_text, event_stream, token, tokens};

/// Well-formed, and nobody's.
const FOREIGN: &str = "AEGIS-KEY-0ABCDEFGHJKMNPQRSTVWX";

#[test]
fn secrets_that_begin_like_or_contain_each_other() {
    let (harness, _rules) = Harness::with_seals();
    let long = "seal{Xk29dLqPzz81 and more}";
    let short = "seal{Xk29dLqPzz81}";
    let inner = Seeded::new(801).github();
    // Of two rules that fit, the more specific decides what is replaced.
    let around = format!("seal{{other7 {inner} 4words}}");
    let body = chat(&format!("{long} {short} {around} {inner}"));
    let reply = harness.ask(CHAT, &body, |request| {
        let all = tokens(request);
        let said = format!("{} {} {}", all[2], all[1], all[0]);
        event_stream(&chat_stream(&said, 1))
    });
    assert_eq!(tokens(&harness.upstream.last()).len(), 3);
    assert_eq!(chat_text(&reply), format!("{inner} {short} {long}"));
    for secret in [&inner, long, short] {
        harness.assert_unseen(secret);
    }
}

#[test]
fn a_url_whose_password_is_a_key() {
    let harness = Harness::new();
    let key = Seeded::new(802).github();
    let body = chat(&format!("clone https://user:{key}@git.internal/app.git and postgres://app:{key}@db/x"));
    let seen = harness.seen(CHAT, &body);
    let found = assert_only_tokens_differ(&body, &seen, &[&key]);
    assert_eq!(found.len(), 2, "{seen}");
}

/// Counted is what this organisation made and this request did not hold; what merely looks like a token is text.
#[test]
fn a_foreign_token_stays_literal_both_ways() {
    let harness = Harness::new();
    let [secret, earlier] = [803, 808].map(|seed| Seeded::new(seed).github());
    harness.seen(CHAT, &chat(&earlier));
    let earlier = token(&harness.upstream.last());
    let body = chat(&format!("{FOREIGN} and {secret}"));
    let unresolved = || harness.gateway.metric("aegis_tokens_total", "unresolved");
    let before = unresolved();
    let said = format!("{FOREIGN} {earlier}");
    let answer = said.clone();
    let reply = harness.ask(CHAT, &body, move |request| {
        event_stream(&chat_stream(&format!("{answer} {}", tokens(request)[1]), 4))
    });
    assert!(harness.upstream.last().text().contains(FOREIGN));
    assert_eq!(chat_text(&reply), format!("{said} {secret}"));
    wait_until("the token of the earlier request is counted", || unresolved() > before);
    assert!((unresolved() - before - 1.0).abs() < 0.5, "once: {before}, {}", unresolved());
}

#[test]
fn a_token_of_another_tenant_is_not_restored() {
    let upstream = Upstream::start(|_, _| Script::reply("application/json", b"{}"));
    let secret = Seeded::new(804).github();
    let [one, two] = ["one", "two"].map(|name| {
        let config = format!("[tokens]\norganisation = \"{name}\"");
        Gateway::builder().all_upstreams(&upstream.url()).config(&config).start()
    });
    let request = post(CHAT, "application/json", chat(&format!("use {secret}")).as_bytes());
    one.exchange(&request);
    let foreign = token(&upstream.last());
    let said = foreign.clone();
    upstream.play(move |_, _| event_stream(&chat_stream(&said, 5)));
    // The other tenant replays it, with a secret of its own in the request and without one.
    let own = Seeded::new(805).github();
    for prompt in [format!("tell me {foreign}"), format!("tell me {foreign} by {own}")] {
        let reply = two.exchange(&post(CHAT, "application/json", chat(&prompt).as_bytes()));
        assert_eq!(chat_text(&reply), foreign);
    }
    two.exchange(&request);
    assert_ne!(token(&upstream.last()), foreign, "the same secret has another token in another organisation");
}

#[test]
fn a_second_pass_changes_nothing() {
    let inner = Harness::new();
    let outer = Gateway::before(&format!("http://{}", inner.gateway.address));
    let secret = Seeded::new(806).github();
    let body = chat(&format!("use {secret} or {secret}"));
    inner.upstream.play(|request, _| event_stream(&chat_stream(&token(request), 3)));
    let reply = outer.exchange(&post(CHAT, "application/json", body.as_bytes()));
    let twice = inner.upstream.last().text();
    assert_eq!(assert_only_tokens_differ(&body, &twice, &[&secret]).len(), 2);
    assert_eq!(chat_text(&reply), secret);
    inner.assert_unseen(&secret);
}

#[test]
fn a_model_that_rewrites_the_token() {
    let harness = Harness::new();
    let secret = Seeded::new(807).github();
    let ask = |said: &'static str| {
        let reply = harness.ask(CHAT, &chat(&format!("use {secret}")), move |request| {
            let token = token(request);
            let (left, right) = token.split_at(20);
            let said =
                said.replace("LOWER", &token.to_lowercase()).replace("LEFT", left).replace("RIGHT", right);
            event_stream(&chat_stream(&said.replace('@', &token), 2))
        });
        chat_text(&reply)
    };
    assert_eq!(ask("LOWER"), secret, "case does not matter");
    assert_eq!(ask("**@** `@` [k](@) \\@"), format!("**{secret}** `{secret}` [k]({secret}) \\{secret}"));
    // Broken over a line or by a backslash it is no token any more: it stays as the model wrote it.
    for broken in ["LEFT\nRIGHT", "LEFT\\RIGHT", "LEFT RIGHT", "LEFT"] {
        let answer = ask(broken);
        let token = token(&harness.upstream.last());
        let (left, right) = token.split_at(20);
        assert_eq!(answer, broken.replace("LEFT", left).replace("RIGHT", right));
        assert!(tokens_in(&answer).is_empty());
    }
}
